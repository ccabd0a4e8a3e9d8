"""Where sentences end: one splitter for what is read, composed and spoken.

The work is sentencex's: linear in the text's length, with the abbreviations of many languages. Here stands what it
misses in documents: numbers of items, and a few abbreviations.
"""

import re

import sentencex

_ITEM_NUMBER = re.compile(r"\s*[(\[]?(?:\d{1,3}|[A-Za-z])[.)]\s*")
"""All of a "sentence": it belongs to what follows, as in "1. Open the door." """

_GOES_ON = re.compile(
    r"(?:^|[\s(\[\"'“‘])(?:approx|ca|dept|est|incl|max|min|resp|mon|tues?|wed|thurs?|fri|sat|sun)\.\s*$", re.IGNORECASE
)
"""Ends in an abbreviation that sentencex does not know and that stands before what it belongs to."""

_NO_DAY = re.compile(r"\b(?:mon|tues?|wed|thurs?|fri|sat|sun)\.\s*$")
"""Days have a capital: somebody who sat in the sun has ended a sentence."""

_LOOK_BACK = 240
"""Characters before a place from which it is clear whether a sentence ends there."""


def sentences(text: str, language: str = "en") -> list[str]:
    """The sentences of a paragraph in order, each with the white space behind it: joined they are the text again.

    `language`: an ISO 639-1 code; for one that sentencex does not know, English rules.
    """
    found: list[str] = []
    for piece in sentencex.segment(language, text):
        if found and (_ITEM_NUMBER.fullmatch(found[-1]) or _goes_on(found[-1][-_LOOK_BACK:])):
            found[-1] += piece
        else:
            found.append(piece)
    return found


def ends_between(before: str, after: str, language: str = "en") -> bool:
    """Whether a sentence ends where `before` does, if `after` (a word is enough) is what follows it."""
    before = before[-_LOOK_BACK:].rstrip()
    return sentences(f"{before} {after}", language)[-1] == after


def _goes_on(text: str) -> bool:
    return bool(_GOES_ON.search(text)) and not _NO_DAY.search(text)
