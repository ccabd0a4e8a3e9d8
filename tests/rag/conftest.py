"""What the tests of rag-llm share: the real embedder, the shop's documents, a running service."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.common.bus import MemoryBus
from services.rag_llm.index.embedding.minilm import MiniLM
from services.rag_llm.index.index import Index
from services.rag_llm.index.ingestion import ingest, signature
from services.rag_llm.index.store import Store
from services.rag_llm.reading.corpus import Corpus
from services.rag_llm.server import create_app
from services.rag_llm.settings import Config, RagSettings, read_config
from tests.rag.library import Library
from tests.rag.live import listening, ready
from tests.rag.model_server import ModelServer
from tests.rag.shop import write_shop


@pytest.fixture(scope="session")
def config() -> Config:
    """What `config.yaml` says, except that the tests say themselves when documents are read."""
    config = read_config()
    return config.model_copy(update={"ingest": config.ingest.model_copy(update={"watch": False})})


@pytest.fixture(scope="session")
def minilm(config: Config) -> MiniLM:
    return MiniLM(config.embedding.threads, config.embedding.batch_tokens)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, minilm: MiniLM, config: Config) -> Path:
    """A folder with the shop's documents (`corpus`) and their index (`index`), made once."""
    folder = tmp_path_factory.mktemp("shop")
    ingest(Corpus(write_shop(folder / "corpus"), config.ingest), Store(folder / "index"), minilm, lambda _: None)
    return folder


@pytest.fixture(scope="session")
def shop_index(shop: Path, minilm: MiniLM, config: Config) -> Index:
    index = Store(shop / "index").load(signature(minilm, config.ingest))
    assert index is not None
    return index


@pytest.fixture
def settings(shop: Path, tmp_path: Path) -> RagSettings:
    """A service of its own: the shop's documents and index in a folder that the test may change."""
    shutil.copytree(shop, tmp_path, dirs_exist_ok=True)
    return RagSettings(corpus_dir=tmp_path / "corpus", index_dir=tmp_path / "index", llm_engine="extractive")


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
async def client(settings: RagSettings, bus: MemoryBus, config: Config) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running service."""
    async with (
        listening(create_app(settings, bus, config)) as address,
        httpx.AsyncClient(base_url=address, timeout=20) as client,
    ):
        await ready(client)
        yield client


@pytest.fixture
def model() -> ModelServer:
    return ModelServer(words=["The ", "Rocket ", "weighs ", "1.2 ", "kilos ", "[", "1", "]", ". ", "Anything else?"])


@pytest.fixture
def changed() -> dict[str, Any]:
    """What a test sets otherwise in the config's section `vllm`."""
    return {}


@pytest.fixture
async def vllm_client(
    settings: RagSettings, bus: MemoryBus, model: ModelServer, config: Config, changed: dict[str, Any]
) -> AsyncIterator[httpx.AsyncClient]:
    """A service that asks the model server."""
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(listening(model.app()))
        engine = {"llm_engine": "vllm", "vllm_url": f"{upstream}/v1", "vllm_api_key": "k3y"}
        patience = {"first_token_timeout_s": 20.0}  # longer than a busy machine makes it
        patient = config.model_copy(update={"vllm": config.vllm.model_copy(update=patience | changed)})
        app = create_app(settings.model_copy(update=engine), bus, patient)
        address = await stack.enter_async_context(listening(app))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=20))
        await ready(client)
        yield client
        model.pause.set()


@pytest.fixture
def library(tmp_path: Path, minilm: MiniLM, config: Config) -> Library:
    return Library(tmp_path, minilm, config.ingest)
