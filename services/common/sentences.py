"""Where sentences end: one splitter for what is read, composed and spoken.

The work is sentencex's, with the abbreviations of many languages. Here stands what it misses in documents: numbers of
items, and a few abbreviations.
"""

import re
from collections.abc import Iterator

import sentencex

_ITEM_NUMBER = re.compile(r"\s*[(\[]?(?:\d{1,3}|[A-Za-z])[.)]\s*")
"""All of a "sentence": it belongs to what follows, as in "1. Open the door." """

_GOES_ON = re.compile(
    r"(?:^|[\s(\[\"'“‘])(?:(?i:approx|ca|ch|dept|e\.g|eq|est|i\.e|incl|max|min|resp|viz|vol)|Mon|Tues?|Wed|Thurs?|Fri|Sat|Sun)"
    r"\.\s*$"
)
"""Ends in an abbreviation that sentencex does not know; the sentence goes on if a small letter or a digit follows."""

_LONGEST = 16
"""Characters of the longest of them, with the white space around it."""


_WINDOW = 8000
"""Characters that are split at a time. sentencex's time grows with the square of the quotation marks that are never
closed, and it lets no other thread run meanwhile: one text full of them would keep everybody waiting."""


def sentences(text: str, language: str = "en") -> list[str]:
    """The sentences of a paragraph in order, each with the white space behind it: joined they are the text again.

    `language`: an ISO 639-1 code; for one that sentencex does not know, English rules.
    """
    found: list[str] = []
    for piece in _pieces(text, language):
        if found and (_ITEM_NUMBER.fullmatch(found[-1]) or _goes_on(found[-1], piece)):
            found[-1] += piece
        else:
            found.append(piece)
    return found


def _goes_on(before: str, after: str) -> bool:
    first = after.lstrip()[:1]
    return (first.islower() or first.isdigit()) and _GOES_ON.search(before[-_LONGEST:]) is not None


def _pieces(text: str, language: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + _WINDOW
        if end < len(text):
            end = text.rfind(" ", start, end) + 1 or end
        pieces = sentencex.segment(language, text[start:end])
        if end < len(text) and len(pieces) > 1:  # the last one may go on
            pieces.pop()
        yield from pieces
        start += sum(map(len, pieces))
