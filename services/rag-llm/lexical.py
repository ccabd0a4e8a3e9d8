"""Search by words: BM25 over excerpts, with their titles and headings."""

import difflib
import math
from collections import defaultdict
from collections.abc import Sequence

from rank_bm25 import BM25Okapi

from services.rag_llm.terms import terms

ALIKE = 0.8
"""Ratio (Ratcliff and Obershelp) from which on two terms are taken for the same, one of them misspelt."""


class Lexical:
    """Scores only the texts that hold a word of the query, so that a rare word costs little in a large corpus."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.terms = [terms(text) for text in texts]
        self._holders: dict[str, list[int]] = defaultdict(list)
        for row, found in enumerate(self.terms):
            for term in set(found):
                self._holders[term].append(row)
        self._by_initial: dict[str, list[str]] = defaultdict(list)
        for term in self._holders:
            self._by_initial[term[0]].append(term)
        # BM25Okapi divides by the average length: an empty corpus is never asked.
        self._bm25 = BM25Okapi(self.terms) if any(self.terms) else None
        if self._bm25:
            # Okapi's weight turns negative for words in more than half of the texts; this one (Lucene's) does not.
            self._bm25.idf = {term: self.rarity(term) for term in self._holders}

    def rarity(self, term: str) -> float:
        """Inverse document frequency; highest for words that no text holds."""
        holders = len(self._holders.get(term, ()))
        return math.log(1 + (len(self.terms) - holders + 0.5) / (holders + 0.5))

    def known(self, term: str) -> str:
        """The term itself if a text holds it, else the most similar one that a text holds, else the term.

        What was misspelt or misheard is compared with the terms of the same beginning and about the same length.
        """
        if term in self._holders or len(term) < 5 or not term.isalpha():
            return term
        alike = [t for t in self._by_initial[term[0]] if abs(len(t) - len(term)) <= 2]
        return next(iter(difflib.get_close_matches(term, alike, n=1, cutoff=ALIKE)), term)

    def search(self, query: Sequence[str], k: int) -> list[tuple[int, float]]:
        """(row, score) of the best `k` texts for the terms, best first."""
        rows = sorted({row for term in query for row in self._holders.get(term, ())})
        if not rows or not self._bm25:
            return []
        scores = self._bm25.get_batch_scores(query, rows)
        return sorted(zip(rows, map(float, scores), strict=True), key=lambda found: -found[1])[:k]
