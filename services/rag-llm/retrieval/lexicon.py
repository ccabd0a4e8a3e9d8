"""The words of one index, and how the words of a question are read with them: spelt, joined, weighed."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from services.rag_llm.index.index import Index
from services.rag_llm.index.passages import Entry
from services.rag_llm.index.terms import STOPWORDS, in_digits, terms, words
from services.rag_llm.retrieval.features.names import families
from services.rag_llm.retrieval.features.superlatives import is_superlative
from services.rag_llm.retrieval.spelling import Spelling, commonness, english, is_english

LEAST = 0.35
"""What the commonest word counts beside a rare one: `use`, `need`, `work` say little, whatever the documents hold."""
MOST_WORDS = 120
"""Words of a question that are read; the rest is passed over."""
MOST_ERRORS = 12
"""Words of a question that are put right: one with more errors is in another language."""
_HEARD_AS_NUMBERS = {"to": "2", "too": "2", "for": "4", "won": "1"}
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
"""A capital within a sentence."""
_HOW = frozenset("often offen long early late soon far large big".split())  # noqa: SIM905  # reads better as words
"""After `how` these are the form of the question, and need not stand in the answer."""


@dataclass(frozen=True, slots=True)
class QueryWord:
    """A word of a question: the term of the index that is nearest, the word that was meant, the word that was said."""

    term: str
    meant: str
    said: str


class Lexicon:
    """The words of one index, for reading questions."""

    def __init__(self, index: Index) -> None:
        self.vocabulary = frozenset(index.lexical.vocabulary)
        self._rarity = index.lexical.rarity
        self._spelling = Spelling(index.lexical.vocabulary)
        self._families = families(entry.title for entry in index.entries.values())
        titled: dict[str, list[Entry]] = defaultdict(list)
        for entry in index.entries.values():
            for term in set(terms(entry.title)):
                titled[term].append(entry)
        self.titles = frozenset(titled)
        # Each passage holds the words of its document's title: if there are no more, no other document has the word.
        own = {
            term
            for term, entries in titled.items()
            if index.lexical.holders(term) == sum(entry.passages for entry in entries)
        }
        self._owners: dict[str, set[str]] = {term: {entry.source for entry in titled[term]} for term in own}
        for source in index.entries:  # a file's folders may name what it is about as well
            for term in own.intersection(terms(source)):
                self._owners[term].add(source)

    def read(self, text: str) -> list[QueryWord]:
        """The words that carry meaning, in order."""
        said = [*self._joined(self._numbers([*in_digits(words(text)[:MOST_WORDS])]))]
        said = [word for before, word in zip(("", *said), said, strict=False) if not (before == "how" and word in _HOW)]
        unknown = [word for word in dict.fromkeys(said) if not self._is_word(word)][:MOST_ERRORS]
        names = {name.lower() for name in _NAME.findall(text)}
        meant = {word: self._meant(word, word in names) for word in unknown}
        found = [word for one in said for word in meant.get(one) or [QueryWord(term, one, one) for term in terms(one)]]
        return [self._renamed(word, after) for word, after in zip(found, [*found[1:], None], strict=False)]

    def weight(self, word: QueryWord) -> float:
        """What the word counts: its rarity in the documents, less where it is common everywhere."""
        known = word.term in self.vocabulary
        common = min(1.0, max(LEAST, (-commonness(word.meant) - 2) / 2.5)) if word.meant.isalpha() else 1.0
        return common * (self._rarity(word.term) if known else 0.8 * self._rarity(word.term))

    def owners(self, found: Sequence[QueryWord]) -> frozenset[str]:
        """The documents named after one of these words, where no other document has the word."""
        return frozenset(source for word in found for source in self._owners.get(word.term, ()))

    def _numbers(self, said: list[str]) -> list[str]:
        """`aurora to` is heard where there is an Aurora 2."""
        for at in range(1, len(said)):
            number = _HEARD_AS_NUMBERS.get(said[at], "")
            before = terms(said[at - 1])
            if number and before and number in self._families.get(before[0], ()):
                said[at] = number
        return said

    def _joined(self, said: Sequence[str]) -> Iterator[str]:
        """`dish washer` is one word where the documents have it as one."""
        at = 0
        while at < len(said):
            pair = said[at : at + 2]
            both = "".join(pair)
            if len(pair) == 2 and both.isalpha() and not STOPWORDS & set(pair) and self._one_word(both, pair):
                yield both
                at += 2
            else:
                yield said[at]
                at += 1

    def _one_word(self, both: str, pair: Sequence[str]) -> bool:
        known = self.vocabulary.issuperset
        return bool(terms(both)) and known(terms(both)) and not all(known(terms(part)) for part in pair)

    def _is_word(self, said: str) -> bool:
        return self.vocabulary.issuperset(terms(said)) or is_english(said) or is_superlative(said)

    def _meant(self, said: str, name: bool) -> list[QueryWord]:
        """The words that a misspelt one may stand for, or itself. A `name` is not taken for an everyday word."""
        parts = self._spelling.parts(said)
        meant = parts or [self._spelling.nearest(said) or (not name and english(said)) or said]
        return [QueryWord(term, word, said) for word in meant for term in terms(word)]

    def _renamed(self, word: QueryWord, after: QueryWord | None) -> QueryWord:
        """`trio 50` was said where there is a Brio 50 and no Trio."""
        if after is None or word.term in self.vocabulary:
            return word
        near = [
            known
            for known, numbers in self._families.items()
            if after.term in numbers and OSA.distance(known, word.term) <= max(1, len(known) // 3)
        ]
        return QueryWord(near[0], near[0], word.said) if near else word
