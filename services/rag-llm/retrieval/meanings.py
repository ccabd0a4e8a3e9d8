"""Vectors of words and short texts, remembered; and how near two words are: `sick` and `ill`, `kid` and `child`."""

import threading
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from services.rag_llm.index.embedding.embedder import Embedder

AKIN = 0.45
"""Cosine similarity of single words up to which they have nothing to do with each other."""
SAME = 0.8
"""Cosine similarity of single words from which on they mean the same."""
MOST = 20_000
"""Words of documents whose vectors are kept."""
RECENT = 256
"""Questions, with their words, whose vectors are kept: routing and search embed the same one."""
MOST_NEW = 16
"""Words that are embedded for one question; until the rest are, they count as unlike."""


class Meanings:
    """Embeds each text once while it is remembered. May be used from several threads."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._words: dict[str, NDArray[np.float32]] = {}
        self._recent: dict[str, NDArray[np.float32]] = {}
        self._changing = threading.Lock()

    def of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """[texts, dimensions], each of length one."""
        known = {text: vector for text in texts if (vector := self._recent.get(text)) is not None}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known |= (new := dict(zip(missing, self._embedder.embed(missing), strict=True)))
            self._keep(self._recent, new, RECENT)
        return np.stack([known[text] for text in texts])

    def nearness(self, words: Sequence[str], others: Iterable[str]) -> NDArray[np.float32]:
        """[words], from 0 (nothing in common) to 1 (the same): how near each is to its nearest of `others`."""
        vectors = [vector for word in others if (vector := self._words.get(word)) is not None]
        if not words or not vectors:
            return np.zeros(len(words), np.float32)
        cosines = self.of(words) @ np.stack(vectors).T
        near: NDArray[np.float32] = np.clip((cosines.max(axis=1) - AKIN) / (SAME - AKIN), 0, 1)
        return near

    def learn(self, words: Iterable[str], at_most: int = MOST_NEW) -> None:
        """Embed words of documents that are not known yet."""
        missing = list(islice((word for word in dict.fromkeys(words) if word not in self._words), at_most))
        if missing:
            self._keep(self._words, dict(zip(missing, self._embedder.embed(missing), strict=True)), MOST)

    def _keep(self, vectors: dict[str, NDArray[np.float32]], new: dict[str, NDArray[np.float32]], most: int) -> None:
        """Remember the new ones, and forget the oldest where they are too many."""
        with self._changing:
            vectors.update(new)
            for text in list(islice(vectors, max(0, len(vectors) - most))):
                del vectors[text]
