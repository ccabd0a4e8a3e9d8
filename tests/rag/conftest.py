"""What the tests of rag-llm share: the real embedder, the shop's documents, a running service."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.common.bus import MemoryBus
from services.rag_llm.corpus import Corpus
from services.rag_llm.embedder_minilm import MiniLM
from services.rag_llm.index import Index
from services.rag_llm.ingest import ingest, signature
from services.rag_llm.server import create_app
from services.rag_llm.settings import Config, RagSettings, read_config
from services.rag_llm.store import Store
from tests.rag.live import listening, ready
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
