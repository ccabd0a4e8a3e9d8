"""Text as documents hold it, to tidy sentences."""

import re

from services.common.sentences import sentences

_SPACE = re.compile(r"\s+")


def tidy(text: str) -> str:
    """One line without doubled spaces, soft hyphens and control characters."""
    if not text.isprintable():
        text = "".join(c for c in text if c.isprintable() or c.isspace())
    return _SPACE.sub(" ", text.replace("\u00ad", "")).strip()


def split_sentences(text: str) -> list[str]:
    """The sentences of a paragraph, in order, each tidy. Documents go on after a stop before a small letter."""
    found: list[str] = []
    for sentence in map(str.strip, sentences(tidy(text))):
        if found and sentence[:1].islower():
            found[-1] += f" {sentence}"
        else:
            found.append(sentence)
    return found


def ended(text: str) -> str:
    """The text with a full stop, if nothing else ends it."""
    text = text.rstrip()
    return text if text.endswith((".", "!", "?", "…", ".”", ".)")) else text.rstrip(":;,") + "."
