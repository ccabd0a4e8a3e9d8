"""Vectors of words and short texts, remembered; and how near two words are: `sick` and `ill`, `kid` and `child`."""

from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from services.rag_llm.embedder import Embedder

AKIN = 0.45
"""Cosine similarity of single words up to which they have nothing to do with each other,"""
SAME = 0.65
"""and from which on they mean the same."""
MOST = 20_000
"""Texts whose vectors are kept."""
MOST_NEW = 16
"""Words that are embedded for one comparison; others count as unlike until they are known."""


class Meanings:
    """A text is embedded once."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def nearness(self, words: Sequence[str], others: Sequence[str]) -> NDArray[np.float32]:
        """[words], from 0 (nothing in common) to 1 (the same): how near each is to the nearest of the others."""
        known = self._vectors
        others = [word for word in others if word in known]
        if not words or not others:
            return np.zeros(len(words), np.float32)
        cosines = self.of(words) @ np.stack([known[word] for word in others]).T
        near: NDArray[np.float32] = np.clip((cosines.max(axis=1) - AKIN) / (SAME - AKIN), 0, 1)
        return near

    def learn(self, words: Iterable[str], at_most: int = MOST_NEW) -> None:
        """Embed words that are not known yet."""
        self.of(list(islice((word for word in dict.fromkeys(words) if word not in self._vectors), at_most)))

    def of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """[texts, dimensions], each of length one."""
        known = self._vectors
        if len(known) > MOST:
            known = self._vectors = {}
        missing = list(dict.fromkeys(text for text in texts if text not in known))
        if missing:
            known.update(zip(missing, self._embedder.embed(missing), strict=True))
        return (
            np.stack([known[text] for text in texts]) if texts else np.zeros((0, self._embedder.dimensions), np.float32)
        )
