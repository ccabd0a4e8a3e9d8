"""Names that cannot be exchanged for another: numbered models and versions (`Aurora 2`), codes (`E23`), years."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from services.rag_llm.index.terms import terms

Name = tuple[str, ...]
"""Terms that stand side by side: `("aurora", "2")`, `("2024",)`, `("e23",)`."""

_YEAR = re.compile(r"(?:19|20)\d\d")
_CODE = re.compile(r"[a-z]+\d+[a-z]?|\d+[a-z]+\d*")
UNITS = frozenset(terms("day hour minute week month year euro dollar second page time degree percent person people"))
"""What a number before it counts: `5 days` is no model."""


def families(titles: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """The numbers that a word is followed by in the titles: `{"aurora": {"2", "3"}}`."""
    numbers: dict[str, set[str]] = defaultdict(set)
    for title in titles:
        for word, number in numbered(terms(title)):
            numbers[word].add(number)
    return {word: frozenset(found) for word, found in numbers.items()}


def names_in(found: Sequence[str]) -> frozenset[Name]:
    """What may be a name among the terms of a question."""
    pairs = {pair for pair in numbered(found) if not _YEAR.fullmatch(pair[1])}
    paired = {number for _, number in pairs}
    return frozenset(
        pairs | {(term,) for term in found if (_YEAR.fullmatch(term) or _CODE.fullmatch(term)) and term not in paired}
    )


def is_code(name: Name) -> bool:
    """Whether it is a code such as `e23`, and neither a year nor a word with its number."""
    return len(name) == 1 and not _YEAR.fullmatch(name[0])


def has(name: Name, found: Sequence[str]) -> bool:
    """Whether the terms hold the name."""
    if len(name) == 1:
        return name[0] in found
    return name in list(pairwise(found))


def has_sibling(name: Name, found: Sequence[str]) -> bool:
    """Whether the terms hold another name of its kind: another model, another year."""
    if len(name) == 1:
        return bool(_YEAR.fullmatch(name[0])) and any(_YEAR.fullmatch(term) and term != name[0] for term in found)
    return any(word == name[0] and number != name[1] for word, number in numbered(found))


def newest(found: Iterable[str]) -> int:
    """The latest year among the terms; 0 if they hold no year."""
    return max((int(term) for term in found if _YEAR.fullmatch(term)), default=0)


def numbered(found: Sequence[str]) -> Iterator[tuple[str, str]]:
    """A word and the number after it."""
    for word, number, after in zip(found, found[1:], [*found[2:], ""], strict=False):
        if word.isalpha() and number[0].isdigit() and len(number) <= 5 and after not in UNITS:
            yield word, number
