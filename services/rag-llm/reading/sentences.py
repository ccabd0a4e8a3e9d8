"""Text to sentences, and sentences to clauses."""

import re

_ABBREVIATIONS = frozenset(
    """e.g i.e etc vs cf approx ca no nos vol fig p pp dr mr mrs ms prof sr jr st inc ltd co corp dept est min max
    """.split()  # noqa: SIM905  # a list of words reads better as words
)
_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9À-ÖØ-Þ])")
_SPACE = re.compile(r"\s+")
_CLAUSE = re.compile(r"(?<=[,;:–—])\s+")
MIN_CLAUSE_WORDS = 3


def tidy(text: str) -> str:
    """One line without doubled spaces, soft hyphens and control characters."""
    if not text.isprintable():
        text = "".join(c for c in text if c.isprintable() or c.isspace())
    return _SPACE.sub(" ", text.replace("\u00ad", "")).strip()


def split_sentences(text: str) -> list[str]:
    """The sentences of a paragraph, in order. Abbreviations, initials and decimals end none."""
    text = tidy(text)
    sentences: list[str] = []
    start = 0
    for end in _END.finditer(text):
        last = text[start : end.start()].rsplit(maxsplit=1)[-1]
        word = last.rstrip(".").lstrip("(\"'").lower()
        initial = len(word) == 1 and word.isalpha() and last.endswith(".")
        if last.endswith(".") and (word in _ABBREVIATIONS or initial):
            continue
        sentences.append(text[start : end.end()].strip())
        start = end.end()
    if text[start:]:
        sentences.append(text[start:])
    return sentences


def ended(text: str) -> str:
    """The text with a full stop, if nothing else ends it."""
    text = text.rstrip()
    return text if text.endswith((".", "!", "?", "…", ".”", ".)")) else text.rstrip(":;,") + "."


def split_clauses(sentence: str) -> list[str]:
    """Pieces that can be spoken one after the other; joined with spaces they are the sentence again."""
    clauses: list[str] = []
    for piece in _CLAUSE.split(sentence):
        if clauses and min(len(clauses[-1].split()), len(piece.split())) < MIN_CLAUSE_WORDS:
            clauses[-1] += f" {piece}"
        else:
            clauses.append(piece)
    return clauses
