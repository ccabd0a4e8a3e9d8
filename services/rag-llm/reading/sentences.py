"""Text as documents hold it, to tidy sentences."""

import re
from collections.abc import Iterator

from services.common.sentences import sentences

WINDOW = 8000
"""Characters that are split at a time. The splitter's time grows with the square of the quotation marks that are never
closed, and no other thread runs meanwhile: a document full of them would keep every question waiting."""
_SPACE = re.compile(r"\s+")


def tidy(text: str) -> str:
    """One line without doubled spaces, soft hyphens and control characters."""
    if not text.isprintable():
        text = "".join(c for c in text if c.isprintable() or c.isspace())
    return _SPACE.sub(" ", text.replace("\u00ad", "")).strip()


def split_sentences(text: str) -> list[str]:
    """The sentences of a paragraph, in order, each tidy. Documents go on after a stop before a small letter."""
    found: list[str] = []
    for sentence in _in_windows(tidy(text)):
        if found and sentence[:1].islower():
            found[-1] += f" {sentence}"
        else:
            found.append(sentence)
    return found


def _in_windows(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + WINDOW
        if end < len(text):
            end = text.rfind(" ", start, end) + 1 or end
        pieces = sentences(text[start:end])
        if end < len(text) and len(pieces) > 1:  # the last one may go on
            pieces.pop()
        yield from map(str.strip, pieces)
        start += sum(map(len, pieces))


def ended(text: str) -> str:
    """The text with a full stop, if nothing else ends it."""
    text = text.rstrip()
    return text if text.endswith((".", "!", "?", "…", ".”", ".)")) else text.rstrip(":;,") + "."
