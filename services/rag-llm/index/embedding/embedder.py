"""What turns sentences into vectors. Two embedders fill the protocol, chosen in `config.yaml`."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.rag_llm.settings import Config

Vectors = NDArray[np.float32]
"""[n, dimensions], each row of length one: a dot product is a cosine similarity."""


class Embedder(Protocol):
    """Loads once, then may be called from several threads."""

    name: str  # names the model: an index made by another one is made anew
    dimensions: int

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One vector a text, in order. What does not fit into the model's input is left out."""
        ...


def open_embedder(config: Config) -> Embedder:
    """The embedder that `config.yaml` names. Raises `SystemExit` with a sentence if its packages are not installed."""
    match config.embedding.embedder:
        case "minilm":
            from services.rag_llm.index.embedding.minilm import MiniLM

            return MiniLM(config.embedding.threads, config.embedding.batch_tokens)
        case "sentence-transformers":
            try:
                from services.rag_llm.index.embedding.sentence_transformers import SentenceTransformers
            except ModuleNotFoundError as missing:
                raise SystemExit(
                    f"embedder: sentence-transformers needs the package {missing.name}: "
                    "pip install --require-hashes -r services/rag-llm/requirements-sentence-transformers.lock, "
                    "or choose minilm in services/rag-llm/config.yaml."
                ) from None
            return SentenceTransformers(config.embedding.sentence_transformers_model)
