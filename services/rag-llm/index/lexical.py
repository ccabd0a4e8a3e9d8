"""Search by words: BM25 over excerpts, with their titles and headings."""

from array import array
from collections.abc import Mapping, Sequence
from itertools import pairwise

import bm25s
import numpy as np
from numpy.typing import NDArray

from services.rag_llm.index.terms import terms

Ids = NDArray[np.int32]


class TermLists:
    """The terms of texts as numbers: `ids` of all texts one after the other, `starts` of each one, `vocabulary`.

    A number is the place of its term in the vocabulary. Many texts take four bytes a word here.
    """

    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        self.ids = array("i")
        self.starts = array("q", [0])

    @property
    def vocabulary(self) -> list[str]:
        """Each term once, at the place that is its number."""
        return list(self._number)

    def add(self, text: str) -> None:
        """The terms of one more text."""
        number = self._number
        self.ids.extend([number.setdefault(term, len(number)) for term in terms(text) if term])
        self.starts.append(len(self.ids))

    def keep(self, other: "Lexical", start: int, stop: int) -> None:
        """The texts `start` to `stop` of an index."""
        ids = other.ids[other.starts[start] : other.starts[stop]]
        number = self._number
        renumbered = np.full(len(other.vocabulary), -1, np.int32)
        for old in np.unique(ids).tolist():
            renumbered[old] = number.setdefault(other.vocabulary[old], len(number))
        self.starts.frombytes((other.starts[start + 1 : stop + 1] - other.starts[start] + len(self.ids)).tobytes())
        self.ids.frombytes(renumbered[ids].tobytes())


class Lexical:
    """Texts by their terms. Scores only the texts that hold a word of the query."""

    def __init__(self, vocabulary: list[str], ids: Ids, starts: NDArray[np.int64]) -> None:
        """`ids`: places in the vocabulary, text after text; `starts`: where each text begins, and the end."""
        self.vocabulary, self.ids, self.starts = vocabulary, ids, starts
        self.terms = _Terms(self)
        self._number: Mapping[str, int] = {term: number for number, term in enumerate(vocabulary)}
        # Lucene's weight of a word is never negative. bm25s divides by the average length: nothing is not given to it.
        self._bm25 = bm25s.BM25(method="lucene") if len(ids) else None
        self._holders = np.zeros(len(vocabulary), np.int64)
        if self._bm25:
            shared = np.arange(len(vocabulary)).astype(object)  # one int for each term, not one for each of its places
            texts = [shared[ids[start:stop]].tolist() for start, stop in pairwise(starts)]
            self._bm25.index((texts, dict(self._number)), show_progress=False)
            self._holders = np.diff(self._bm25.scores["indptr"])

    def __len__(self) -> int:
        return len(self.starts) - 1

    def rarity(self, term: str) -> float:
        """Inverse document frequency; highest for words that no text holds."""
        holders = self.holders(term)
        return float(np.log(1 + (len(self) - holders + 0.5) / (holders + 0.5)))

    def holders(self, term: str) -> int:
        """How many texts hold the term."""
        number = self._number.get(term)
        return 0 if number is None else int(self._holders[number])

    def search(self, query: Sequence[str], k: int) -> list[tuple[int, float]]:
        """(row, score) of the best `k` texts for the terms, best first."""
        numbers = [self._number[term] for term in query if term in self._number]
        if not numbers or not self._bm25:
            return []
        scores = self._bm25.get_scores(numbers)
        best = np.argpartition(-scores, min(k, len(scores) - 1))[:k]
        best = best[np.lexsort((best, -scores[best]))]
        return [(row, score) for row, score in zip(best.tolist(), scores[best].tolist(), strict=True) if score > 0]


class _Terms:
    """The terms of each text, by its row; put together when asked for."""

    def __init__(self, lexical: Lexical) -> None:
        self._of = lexical

    def __getitem__(self, row: int) -> list[str]:
        of = self._of
        return [of.vocabulary[number] for number in of.ids[of.starts[row] : of.starts[row + 1]].tolist()]
