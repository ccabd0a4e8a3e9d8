"""Lists to sentences: what introduces a list stays with its items, and short items are said in one breath."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.rag_llm.reading.sentences import ended, split_sentences

_ENDS = (".", "!", "?", "…")
MAX_LIST_WORDS = 45
"""A list of fragments up to this long is said as one sentence."""
MAX_BRACKET_WORDS = 20
"""A list below an item up to this long is said in brackets after it."""
BULLET = re.compile(r"(?:[-*•–▪◦·‣]|\(?\d{1,3}[.)]|\(?[a-z]\))\s+")
"""How an item begins in plain text."""


@dataclass(frozen=True, slots=True)
class Item:
    """An item, and the items of the list below it."""

    text: str
    below: tuple["Item", ...] = ()


def sentences_of(items: Sequence[Item], lead: str) -> Iterator[str]:
    """What the list says; `lead` introduces it (`You need`) and may be blank."""
    phrases = [_phrase(item) for item in items]
    fragments = [phrase for phrase in phrases if phrase and not phrase.endswith(_ENDS)]
    if lead and len(fragments) == len(items) > 0 and sum(len(f.split()) for f in fragments) <= MAX_LIST_WORDS:
        yield f"{lead}: {_joined(fragments)}"
        return
    if lead and not fragments:
        yield lead
    for item, phrase in zip(items, phrases, strict=True):
        if phrase is None:
            yield from _with_list_below(item, lead if fragments else "")
        elif phrase in fragments and lead:
            yield f"{lead}: {phrase}"
        else:
            yield from split_sentences(ended(phrase))


def _phrase(item: Item) -> str | None:
    """The item with what is below it in brackets; None: that is too much for a phrase."""
    if not item.below:
        return item.text
    below = [inner.text for inner in item.below]
    plain = not any(inner.below or inner.text.endswith(_ENDS) for inner in item.below)
    if plain and not item.text.endswith(_ENDS) and sum(len(text.split()) for text in below) <= MAX_BRACKET_WORDS:
        return f"{item.text.rstrip(':')} ({_joined(below)})"
    return None


def _with_list_below(item: Item, lead: str) -> Iterator[str]:
    *before, last = split_sentences(item.text) or [""]
    if last.endswith(_ENDS):
        before, last = [*before, last], ""
    yield from before
    last = last.rstrip(":")
    yield from sentences_of(item.below, f"{lead}: {last}" if lead and last else last)


def _joined(fragments: Sequence[str]) -> str:
    return fragments[0] if len(fragments) == 1 else f"{', '.join(fragments[:-1])} and {fragments[-1]}"
