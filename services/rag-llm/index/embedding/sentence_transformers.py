"""The production embedder: any model that sentence-transformers loads, on the GPU where there is one."""

from collections.abc import Sequence

import numpy as np
from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found,unused-ignore]  # own lock

from services.rag_llm.index.embedding.embedder import Vectors

BATCH = 64


class SentenceTransformers:
    """`model`: a name on the hub or a folder with a model."""

    def __init__(self, model: str) -> None:
        self._model = SentenceTransformer(model)
        self.name = model
        self.dimensions = int(self._model.get_embedding_dimension())

    def embed(self, texts: Sequence[str]) -> Vectors:
        """[texts, dimensions], each of length one."""
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        found = self._model.encode(list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(found, np.float32)
