"""The settings of rag-llm: where the documents are and what answers, from `.env`; how, from `config.yaml`."""

import hashlib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from services.common.complaints import ADDRESS
from services.common.settings import Settings

CONFIG_FILE = Path(__file__).with_name("config.yaml")


class RagSettings(Settings):
    """Keys of `.env` under "answers"."""

    llm_engine: Literal["extractive", "vllm"] = "extractive"
    vllm_url: Annotated[str, ADDRESS] = "http://127.0.0.1:8001/v1"
    vllm_model: str = ""  # blank: the first one that the server lists
    vllm_api_key: str = Field(default="", repr=False)
    corpus_dir: Path = Path("corpus")
    index_dir: Path = Path(".run/index")

    @field_validator("corpus_dir", "index_dir", mode="before")
    @classmethod
    def _blank_is_the_default(cls, folder: Any, about: ValidationInfo) -> Any:
        """A blank path would be the working directory."""
        return folder or cls.model_fields[str(about.field_name)].default

    @field_validator("vllm_api_key")
    @classmethod
    def _fits_a_header(cls, key: str) -> str:
        if not re.fullmatch(r"[!-~]*", key.strip()):
            raise ValueError("a key is printable ASCII without spaces")
        return key.strip()

    def index_folder(self) -> Path:
        """Each corpus has an index of its own, so that reading one never changes what another copy answers from."""
        return self.index_dir / hashlib.sha256(str(self.corpus_dir.resolve()).encode()).hexdigest()[:12]


class _Section(BaseModel):
    # A key that is not known is a typing error in config.yaml: say so instead of ignoring it.
    model_config = ConfigDict(extra="forbid", frozen=True)


class EmbeddingConfig(_Section):
    """What turns sentences into vectors."""

    embedder: Literal["minilm", "sentence-transformers"]
    threads: int = Field(ge=1, le=64)
    batch_tokens: int = Field(ge=256)
    sentence_transformers_model: str


class IngestConfig(_Section):
    """How the folder is followed and read."""

    watch: bool
    watch_settle_ms: int = Field(ge=50, le=60_000)
    excerpt_words: int = Field(ge=20, le=500)
    max_file_mb: float = Field(gt=0)
    max_pdf_pages: int = Field(ge=1)
    max_unpacked_mb: float = Field(gt=0)
    max_read_s: float = Field(gt=0)
    max_read_memory_mb: int = Field(ge=400)


class RetrievalConfig(_Section):
    """How passages are found, and when one is an answer."""

    candidates: int = Field(ge=1, le=1000)
    rrf_k: int = Field(ge=1)
    passages: int = Field(ge=1, le=20)
    coverage_weight: float = Field(ge=0)
    form_bonus: float = Field(ge=0)
    missing_form_penalty: float = Field(ge=0)
    missing_name_penalty: float = Field(ge=0)
    answer_threshold: float


class ExtractiveConfig(_Section):
    """How the documents' own sentences become an answer."""

    further_share: float = Field(ge=0, le=1)
    max_sentences: int = Field(ge=1, le=5)
    max_words: int = Field(ge=10)


class VllmConfig(_Section):
    """How a model is asked, and how long it is waited for."""

    temperature: float = Field(ge=0, le=2)
    max_tokens: int = Field(ge=1)
    extra_body: dict[str, Any]
    history_tokens: int = Field(ge=0)
    context_tokens: int = Field(ge=256)
    support_share: float = Field(ge=0, le=1)
    tries: int = Field(ge=1, le=5)
    retry_wait_s: float = Field(ge=0)
    connect_timeout_s: float = Field(gt=0)
    first_token_timeout_s: float = Field(gt=0)
    stall_timeout_s: float = Field(gt=0)


class Config(_Section):
    """Everything in `config.yaml`; the comments there say what each key does."""

    embedding: EmbeddingConfig
    ingest: IngestConfig
    retrieval: RetrievalConfig
    extractive: ExtractiveConfig
    vllm: VllmConfig


def read_config(path: Path = CONFIG_FILE) -> Config:
    """The parsed `config.yaml`. Raises pydantic's `ValidationError`, which names the key."""
    return Config.model_validate(yaml.safe_load(path.read_text("utf-8")))
