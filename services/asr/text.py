"""Transcripts as plain words."""

import re


def plain_words(text: str) -> list[str]:
    """The words in lower case without punctuation. A hyphen joins: "mm-hm" is the one word "mmhm"."""
    return re.sub(r"[^a-zà-ÿ0-9' ]+", " ", text.lower().replace("-", "").replace("’", "'")).split()


def without_descriptions(text: str) -> str:
    """The text without what is described instead of said, as in "[Music]" or "(coughs)"."""
    return re.sub(r"\s+", " ", re.sub(r"[\[(*♪][^\])*♪]*[\])*♪]?", " ", text)).strip(" -–—")
