"""Search by words: BM25 over excerpts, with their titles and headings."""

import math
from collections import defaultdict
from collections.abc import Sequence

from rank_bm25 import BM25Okapi

from services.rag_llm.terms import terms


class Lexical:
    """Scores only the texts that hold a word of the query, so that a rare word costs little in a large corpus."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.terms = [terms(text) for text in texts]
        self._holders: dict[str, list[int]] = defaultdict(list)
        for row, found in enumerate(self.terms):
            for term in set(found):
                self._holders[term].append(row)
        self.vocabulary = list(self._holders)
        # BM25Okapi divides by the average length: an empty corpus is never asked.
        self._bm25 = BM25Okapi(self.terms) if any(self.terms) else None
        if self._bm25:
            # Okapi's weight turns negative for words in more than half of the texts; this one (Lucene's) does not.
            self._bm25.idf = {term: self.rarity(term) for term in self._holders}

    def rarity(self, term: str) -> float:
        """Inverse document frequency; highest for words that no text holds."""
        holders = len(self._holders.get(term, ()))
        return math.log(1 + (len(self.terms) - holders + 0.5) / (holders + 0.5))

    def search(self, query: Sequence[str], k: int) -> list[tuple[int, float]]:
        """(row, score) of the best `k` texts for the terms, best first."""
        rows = sorted({row for term in query for row in self._holders.get(term, ())})
        if not rows or not self._bm25:
            return []
        scores = self._bm25.get_batch_scores(query, rows)
        return sorted(zip(rows, map(float, scores), strict=True), key=lambda found: -found[1])[:k]
