"""The index: what is known, ready to be searched. Never changed once made; a new one takes its place."""

from collections.abc import Sequence
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from services.rag_llm.embedder import Vectors
from services.rag_llm.excerpts import Excerpt
from services.rag_llm.lexical import Lexical


@dataclass(frozen=True, slots=True)
class Entry:
    """A document in the index: `digest` is of the file's bytes."""

    source: str
    title: str
    digest: str
    excerpts: tuple[Excerpt, ...]

    @property
    def rows(self) -> int:
        return sum(len(excerpt.sentences) for excerpt in self.excerpts)


class Index:
    """One vector a sentence (`vectors`, in the order of the entries), found again by its row.

    `signature` names the embedder and the settings that the vectors and excerpts were made with.
    """

    def __init__(self, signature: str, entries: Sequence[Entry], vectors: Vectors) -> None:
        self.signature = signature
        self.entries = {entry.source: entry for entry in entries}
        self.excerpts = [excerpt for entry in entries for excerpt in entry.excerpts]
        counts = [len(excerpt.sentences) for excerpt in self.excerpts]
        if len(vectors) != sum(counts):
            raise ValueError(f"{len(vectors)} vectors for {sum(counts)} sentences")
        self.vectors = vectors
        self.starts: NDArray[np.int64] = np.concatenate(([0], np.cumsum(counts, dtype=np.int64))).astype(np.int64)
        self._first_row = dict(
            zip(self.entries, np.cumsum([0, *(entry.rows for entry in entries)]).tolist(), strict=False)
        )
        self._owner = np.repeat(np.arange(len(counts)), counts)
        self.lexical = Lexical([f"{excerpt.path} {excerpt.text}" for excerpt in self.excerpts])
        self.flat = faiss.IndexFlatIP(vectors.shape[1])  # exact; rows as in `vectors`
        self.flat.add(vectors)

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[int, float]]:
        """(excerpt, cosine) of the excerpts with the `k` sentences nearest to the vector, best first, each once."""
        scores, rows = self.flat.search(vector[None, :], min(k, len(self.vectors)))
        best: dict[int, float] = {}
        for score, row in zip(scores[0].tolist(), rows[0].tolist(), strict=True):
            best.setdefault(int(self._owner[row]), score)
        return list(best.items())

    def sentence_vectors(self, excerpt: int) -> Vectors:
        """[sentences of the excerpt, dimensions]."""
        return self.vectors[self.starts[excerpt] : self.starts[excerpt + 1]]

    def rows_of(self, source: str) -> Vectors:
        """The vectors of one document."""
        start = self._first_row[source]
        return self.vectors[start : start + self.entries[source].rows]


def empty_index(signature: str, dimensions: int) -> Index:
    return Index(signature, (), np.empty((0, dimensions), np.float32))
