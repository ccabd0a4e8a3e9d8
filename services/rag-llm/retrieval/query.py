"""A question ready for the index: its words as the documents spell them, what each counts, and what it asks for."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA

from services.rag_llm.index.index import Index
from services.rag_llm.index.passages import Entry
from services.rag_llm.index.terms import STOPWORDS, in_digits, terms, words
from services.rag_llm.retrieval.features.forms import asked_form
from services.rag_llm.retrieval.features.names import Name, families, names_in
from services.rag_llm.retrieval.features.superlatives import is_superlative
from services.rag_llm.retrieval.follow_ups import Asked, is_question
from services.rag_llm.retrieval.meanings import Meanings
from services.rag_llm.retrieval.spelling import Spelling, commonness, english, is_english

CONTEXT_SHARE = 0.4
"""What a word of the question before counts in a follow-up."""
LEAST = 0.35
"""What the commonest word counts beside a rare one: `use`, `need`, `work` say little, whatever the documents hold."""
MOST_WORDS = 120
"""Words of a question that are read,"""
MOST_ERRORS = 12
"""and words that are put right: a question with more is in another language."""
_HEARD_AS_NUMBERS = {"to": "2", "too": "2", "for": "4", "won": "1"}
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
"""A capital within a sentence."""
_HOW = frozenset("often offen long early late soon far large big".split())  # noqa: SIM905  # reads better as words
"""After `how` these are the form of the question, and need not stand in the answer."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a question: the term of the index that is nearest, the word that was meant, the word that was said."""

    term: str
    meant: str
    said: str


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """`text` and `context` are the question and the one before that it leans on, as they were read.

    `weights`: what each term counts. `meant`: the words that terms stand for. `known`: those that the documents
    hold. `titles`: those that stand in titles. `owners`: the documents, if any, that are named after a word of the
    question which no other document has. `names`: what may be models, versions and years, which no other one can stand
    for. `form`: what is asked for, or blank. `vector` has length one;
    `closely` lies between it and what is asked of the thing, with the thing's own name left out: every sentence about a
    museum is near a question about the museum.
    """

    text: str
    context: str
    weights: Mapping[str, float]
    meant: Mapping[str, str]
    known: frozenset[str]
    titles: frozenset[str]
    owners: frozenset[str]
    names: frozenset[Name]
    form: str
    vector: NDArray[np.float32]
    closely: NDArray[np.float32]


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

    def read(self, text: str) -> list[Word]:
        """The words that carry meaning, in order."""
        said = [*self._joined(self._numbers([*in_digits(words(text)[:MOST_WORDS])]))]
        said = [word for before, word in zip(("", *said), said, strict=False) if not (before == "how" and word in _HOW)]
        unknown = [word for word in dict.fromkeys(said) if not self._is_word(word)][:MOST_ERRORS]
        names = {name.lower() for name in _NAME.findall(text)}
        meant = {word: self._meant(word, word in names) for word in unknown}
        found = [word for one in said for word in meant.get(one) or [Word(term, one, one) for term in terms(one)]]
        return [self._renamed(word, after) for word, after in zip(found, [*found[1:], None], strict=False)]

    def weight(self, word: Word) -> float:
        """What the word counts: its rarity in the documents, less where it is common everywhere."""
        known = word.term in self.vocabulary
        common = min(1.0, max(LEAST, (-commonness(word.meant) - 2) / 2.5)) if word.meant.isalpha() else 1.0
        return common * (self._rarity(word.term) if known else 0.8 * self._rarity(word.term))

    def owners(self, found: Sequence[Word]) -> frozenset[str]:
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

    def _meant(self, said: str, name: bool) -> list[Word]:
        """What a word that is none was meant to be, as far as that can be told; a name is no everyday word misspelt."""
        parts = self._spelling.parts(said)
        meant = parts or [self._spelling.nearest(said) or (not name and english(said)) or said]
        return [Word(term, word, said) for word in meant for term in terms(word)]

    def _renamed(self, word: Word, after: Word | None) -> Word:
        """`trio 50` was said where there is a Brio 50 and no Trio."""
        if after is None or word.term in self.vocabulary:
            return word
        near = [
            known
            for known, numbers in self._families.items()
            if after.term in numbers and OSA.distance(known, word.term) <= max(1, len(known) // 3)
        ]
        return Word(near[0], near[0], word.said) if near else word


def understand(asked: Asked, lexicon: Lexicon, meanings: Meanings) -> Query:
    """The question in the terms of the index.

    A follow-up lies between its own meaning and that of both questions together, so that what it newly names wins.
    """
    own, earlier = lexicon.read(asked.text), lexicon.read(asked.context)
    text, context = _respelt(asked.text, own), _respelt(asked.context, earlier)
    bare = _without(text, lexicon.titles)
    asked_vector, whole, about = meanings.of([text, f"{context} {text}".strip(), bare])
    vector = (asked_vector + whole) / np.linalg.norm(asked_vector + whole)
    weights = {word.term: CONTEXT_SHARE * lexicon.weight(word) for word in earlier}
    weights |= {word.term: lexicon.weight(word) for word in own}
    return Query(
        text,
        context,
        weights,
        {word.term: word.meant for word in (*earlier, *own)},
        lexicon.vocabulary & weights.keys(),
        lexicon.titles & weights.keys(),
        lexicon.owners(own) or lexicon.owners(earlier),
        names_in([word.term for word in own]) or names_in([word.term for word in earlier]),
        asked_form(text) or ("" if is_question(text) else asked_form(context)),
        vector,
        (vector + about) / 2,
    )


def _without(text: str, titles: frozenset[str]) -> str:
    """The question without the words of titles, if anything is left of it."""
    said = words(text)
    kept = [word for word in said if not titles.intersection(terms(word))]
    return " ".join(kept) if any(word not in STOPWORDS for word in kept) else text


def _respelt(text: str, found: Sequence[Word]) -> str:
    """The question for the embedder, with what was misspelt put right."""
    meant = {word.said: word.meant for word in found if word.meant != word.said}
    return " ".join(meant.get(word, word) for word in words(text)) if meant else text
