"""A folder of documents with its index, and an embedder that counts."""

from collections.abc import Sequence
from pathlib import Path

from services.rag_llm.index.embedding.embedder import Vectors
from services.rag_llm.index.embedding.minilm import MiniLM
from services.rag_llm.index.index import Index
from services.rag_llm.index.ingestion import Outcome, ingest
from services.rag_llm.index.progress import IngestProgress
from services.rag_llm.index.store import Store
from services.rag_llm.reading.corpus import Corpus
from services.rag_llm.settings import IngestConfig
from tests.rag.shop import write_shop


class Counting:
    """The real embedder, counting what it is asked for."""

    def __init__(self, inner: MiniLM) -> None:
        self.inner, self.name, self.dimensions, self.texts = inner, inner.name, inner.dimensions, 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += len(texts)
        return self.inner.embed(texts)


class Library:
    """A folder of documents with its index."""

    def __init__(self, folder: Path, minilm: MiniLM, config: IngestConfig) -> None:
        self.folder = write_shop(folder / "corpus")
        self.store = Store(folder / "index")
        self.embedder = Counting(minilm)
        self.corpus = Corpus(self.folder, config)
        self.reports: list[IngestProgress] = []

    def ingest(self) -> tuple[Index, Outcome]:
        return ingest(self.corpus, self.store, self.embedder, self.reports.append)
