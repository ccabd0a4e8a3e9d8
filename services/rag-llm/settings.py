"""The settings of rag-llm: where the documents are and what answers, from `.env`; how, from `config.yaml`."""

import hashlib
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from services.common.settings import Settings

CONFIG_FILE = Path(__file__).with_name("config.yaml")


class RagSettings(Settings):
    """Keys of `.env` under "answers"."""

    llm_engine: Literal["extractive", "vllm"] = "extractive"
    vllm_url: str = "http://127.0.0.1:8001/v1"
    vllm_model: str = ""  # blank: the first one that the server lists
    vllm_api_key: str = Field(default="", repr=False)
    embedder: Literal["minilm", "sentence-transformers"] = "minilm"
    corpus_dir: Path = Path("corpus")
    index_dir: Path = Path(".run/index")

    def index_folder(self) -> Path:
        """Each corpus has an index of its own, so that reading one never changes what another copy answers from."""
        return self.index_dir / hashlib.sha256(str(self.corpus_dir.resolve()).encode()).hexdigest()[:12]


class _Section(BaseModel):
    # A key that is not known is a typing error in config.yaml: say so instead of ignoring it.
    model_config = ConfigDict(extra="forbid", frozen=True)


class EmbeddingConfig(_Section):
    threads: int = Field(ge=1, le=64)
    batch_tokens: int = Field(ge=256)
    sentence_transformers_model: str


class IngestConfig(_Section):
    max_file_mb: float = Field(gt=0)
    max_pdf_pages: int = Field(ge=1)
    excerpt_words: int = Field(ge=20, le=500)


class RetrievalConfig(_Section):
    candidates: int = Field(ge=1, le=1000)
    rrf_k: int = Field(ge=1)
    passages: int = Field(ge=1, le=20)
    coverage_weight: float = Field(ge=0)
    form_bonus: float = Field(ge=0)
    missing_form_penalty: float = Field(ge=0)
    missing_name_penalty: float = Field(ge=0)
    answer_threshold: float


class ExtractiveConfig(_Section):
    further_share: float = Field(ge=0, le=1)
    max_sentences: int = Field(ge=1, le=5)
    max_words: int = Field(ge=10)


class VllmConfig(_Section):
    temperature: float = Field(ge=0, le=2)
    max_tokens: int = Field(ge=1)
    history_messages: int = Field(ge=0)
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
