"""The cheapest, the longest, the one with the most seats: rows of a table compared by the column that is asked for."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.rag_llm.index.terms import terms, words
from services.rag_llm.reading.tables import Row
from services.rag_llm.retrieval.features.quantities import CURRENCIES, NOTHING, quantity

MOST_ROWS = 2000
"""A longer table is not compared while somebody waits."""
MOST_LEADERS = 3
"""Rows that may share the first place; where there are more, there is no answer that can be said."""

_SCALES = (
    # most, least, columns that grow with it, columns that fall with it
    ("expensive dearest priciest", "cheapest", "price", ""),
    ("heaviest", "lightest", "weight", ""),
    ("biggest largest greatest", "smallest tiniest", "size area capacity volume population seats", ""),
    ("longest", "shortest", "length duration distance", ""),
    ("tallest highest", "lowest", "height elevation altitude", ""),
    ("deepest", "shallowest", "depth", ""),
    ("widest broadest", "narrowest", "width", ""),
    ("fastest quickest", "slowest", "speed", "duration"),
    ("loudest noisiest", "quietest", "noise", ""),
    ("oldest", "newest youngest", "age", "year founded built opened"),
    ("latest", "earliest", "time date year departure arrival", ""),
    ("strongest powerful", "weakest", "power strength", ""),
    ("hottest warmest", "coldest coolest", "temperature", ""),
    ("most", "least fewest", "", ""),
)
_LONG = "expensive|powerful"
_ASKED = re.compile(rf"\b(?:(?P<turn>most|least) (?P<long>{_LONG})|(?P<short>\w+est|most))\b", re.IGNORECASE)
_OTHER_PLACE = re.compile(
    r"\b(second|third|fourth|two|three|four|five|next|\d+)[ -](most|least|\w+est)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Extreme:
    """What is asked for: `said` is the word for it, `most` whether a large value wins; the columns it is about."""

    said: str
    most: bool
    growing: frozenset[str]
    falling: frozenset[str]


@dataclass(frozen=True, slots=True)
class Leader:
    """The row at this place among those compared, by these columns; `named`: the question names them."""

    at: int
    extreme: Extreme
    columns: tuple[str, ...]
    named: bool


def is_superlative(word: str) -> bool:
    """Whether it is one of the words that rows are compared by."""
    return any(word in f"{most} {least}".split() for most, least, _, _ in _SCALES)


def asked_extreme(text: str) -> Extreme | None:
    """What the question wants the most or the least of; None if it wants neither, or the second or third place."""
    asked = _ASKED.search(text)
    if asked is None or _OTHER_PLACE.search(text):
        return None
    word = (asked["long"] or asked["short"]).lower()
    for most, least, growing, falling in _SCALES:
        if word in most.split() or word in least.split():
            wins = (word in most.split()) != ((asked["turn"] or "").lower() == "least")
            return Extreme(asked[0].lower(), wins, frozenset(terms(growing)), frozenset(terms(falling)))
    return None


def leaders(extreme: Extreme, question: str, rows: Sequence[Row]) -> list[Leader]:
    """The rows of one table that answer; an empty list if their values cannot be compared."""
    if len(rows) > MOST_ROWS:
        return []
    question = question.lower().replace(extreme.said, " ")
    meant = _meant(question, rows)
    columns, most, named = _columns(extreme, question, [rows[at] for at in meant])
    first = [_first(column, most, rows, meant) for column in columns]
    if not first or any(found != first[0] for found in first) or len(first[0]) > MOST_LEADERS:
        return []
    return [Leader(at, extreme, columns, named) for at in first[0]]


def _meant(question: str, rows: Sequence[Row]) -> list[int]:
    """The rows that the question is about: those that hold its words, as far as only some rows hold them.

    What the first column is named after is no such word: a hut need not have it in its name.
    """
    asked = frozenset(terms(question)).difference(terms(rows[0][0][0]))
    held = [asked.intersection(terms(" ".join(value for _, value in row))) for row in rows]
    telling = {term for words_held in held for term in words_held if not all(term in other for other in held)}
    return [at for at, words_held in enumerate(held) if telling <= words_held] or [*range(len(rows))]


def _columns(extreme: Extreme, question: str, rows: Sequence[Row]) -> tuple[tuple[str, ...], bool, bool]:
    """The columns that decide, whether a large value wins there, and whether the question names them."""
    dimensions = {
        name: dimension
        for name in dict.fromkeys(name for row in rows for name, _ in row[1:])
        if (dimension := _dimension(name, rows)) is not None
    }
    said, asked = f" {' '.join(words(question))} ", frozenset(terms(question))
    literal = [name for name in dimensions if f" {' '.join(words(name))} " in said]
    if named := literal or [name for name in dimensions if terms(name) and asked.issuperset(terms(name))]:
        return tuple(named), extreme.most, True
    if growing := [name for name in dimensions if extreme.growing.intersection(terms(name))]:
        return tuple(growing[:1]), extreme.most, False
    if falling := [name for name in dimensions if extreme.falling.intersection(terms(name))]:
        return tuple(falling[:1]), not extreme.most, False
    if extreme.growing.intersection(terms("price")):  # prices may stand under the names of those who pay them
        return tuple(name for name, dimension in dimensions.items() if dimension in CURRENCIES), extreme.most, False
    return (), False, False


def _dimension(column: str, rows: Iterable[Row]) -> str | None:
    """Of the amounts in a column; None if a cell holds no amount, or one of another dimension."""
    found = [quantity(value) for row in rows for name, value in row[1:] if name == column]
    dimensions = {amount[0] if amount else None for amount in found} - {NOTHING}
    return dimensions.pop() if len(dimensions) == 1 else None


def _first(column: str, most: bool, rows: Sequence[Row], meant: Sequence[int]) -> list[int]:
    """The places of the rows with the largest, or the smallest, value. A lone value leads only if one row is meant."""
    values = {at: amount[1] for at in meant for name, cell in rows[at] if name == column and (amount := quantity(cell))}
    best = (max if most else min)(values.values(), default=0.0)
    return [at for at, value in values.items() if value == best] if len(values) > 1 or len(meant) == 1 else []
