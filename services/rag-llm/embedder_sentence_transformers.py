"""The production embedder: any model that sentence-transformers loads, on the GPU where there is one."""

from collections.abc import Sequence

import numpy as np
from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found,unused-ignore]  # own lock

from services.rag_llm.embedder import Progress, Vectors

BATCH = 64


class SentenceTransformers:
    """`model`: a name on the hub or a folder with a model."""

    def __init__(self, model: str) -> None:
        self._model = SentenceTransformer(model)
        self.name = model
        self.dimensions = int(self._model.get_embedding_dimension())

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for start in range(0, len(texts), BATCH):
            part = list(texts[start : start + BATCH])
            vectors[start : start + len(part)] = self._model.encode(part, normalize_embeddings=True)
            if progress:
                progress(start + len(part), len(texts))
        return vectors
