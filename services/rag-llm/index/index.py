"""The index: what is known, ready to be searched. Never changed once made; a new one takes its place."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.rag_llm.index.dense import Dense
from services.rag_llm.index.embedding.embedder import Vectors
from services.rag_llm.index.lexical import Lexical
from services.rag_llm.index.passages import Entry, Passages


class Index:
    """One vector a sentence (`vectors`, [sentences, dimensions], half precision), in the order of the passages.

    `signature` names the embedder and the settings that the vectors and excerpts were made with. `starts` holds the
    first sentence of each passage, and their number. Texts and vectors lie in `folder`, and are read when needed.
    """

    def __init__(
        self,
        folder: Path,
        signature: str,
        entries: Sequence[Entry],
        excerpts: Passages,
        starts: NDArray[np.int64],
        vectors: NDArray[np.float16],
        lexical: Lexical,
        dense: Dense,
    ) -> None:
        if not len(vectors) == starts[-1] == sum(entry.sentences for entry in entries):
            raise ValueError(f"{len(vectors)} vectors for {starts[-1]} sentences")
        if not len(excerpts) == len(starts) - 1 == len(lexical) == sum(entry.passages for entry in entries):
            raise ValueError(f"{len(excerpts)} passages, {len(lexical)} of them with words")
        self.folder = folder
        self.signature = signature
        self.entries = {entry.source: entry for entry in entries}
        self.excerpts = excerpts
        self.starts = starts
        self.vectors = vectors
        self.lexical = lexical
        self.dense = dense

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[int, float]]:
        """(excerpt, cosine) of the excerpts with the `k` sentences nearest to the vector, best first, each once."""
        rows, scores = self.dense.nearest(vector, k)
        owners = np.searchsorted(self.starts, rows, "right") - 1
        best: dict[int, float] = {}
        for owner, score in zip(owners.tolist(), scores.tolist(), strict=True):
            best.setdefault(owner, score)
        return list(best.items())

    def sentence_vectors(self, excerpt: int) -> Vectors:
        """[sentences of the excerpt, dimensions]."""
        return self.vectors[self.starts[excerpt] : self.starts[excerpt + 1]].astype(np.float32)
