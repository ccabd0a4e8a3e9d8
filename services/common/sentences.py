"""Where sentences end: one splitter for what is read, composed and spoken.

The work is sentencex's: linear in the text's length, with the abbreviations of many languages. Here stands what it
misses in documents: numbers of items, and a few abbreviations.
"""

import re

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


def sentences(text: str, language: str = "en") -> list[str]:
    """The sentences of a paragraph in order, each with the white space behind it: joined they are the text again.

    `language`: an ISO 639-1 code; for one that sentencex does not know, English rules.
    """
    found: list[str] = []
    for piece in sentencex.segment(language, text):
        if found and (_ITEM_NUMBER.fullmatch(found[-1]) or _goes_on(found[-1], piece)):
            found[-1] += piece
        else:
            found.append(piece)
    return found


def _goes_on(before: str, after: str) -> bool:
    first = after.lstrip()[:1]
    return (first.islower() or first.isdigit()) and _GOES_ON.search(before[-_LONGEST:]) is not None
