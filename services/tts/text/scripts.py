"""Which languages are written in which script."""

import unicodedata
from functools import lru_cache

LATIN = "LATIN"

_LANGUAGES = {
    "CYRILLIC": "ru uk be bg sr mk kk ky tt ba cv uz",
    "GREEK": "el grc",
    "ARABIC": "ar fa ur sd ug",
    "HEBREW": "he",
    "DEVANAGARI": "hi mr ne kok",
    "BENGALI": "bn as bpy",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "TAMIL": "ta",
    "TELUGU": "te",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "ORIYA": "or",
    "SINHALA": "si",
    "THAI": "th",
    "MYANMAR": "my",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy hyw",
    "ETHIOPIC": "am ti",
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "CJK": "cmn yue hak ja",
}
_BY_SCRIPT = {script: tuple(tags.split()) for script, tags in _LANGUAGES.items()}


@lru_cache(maxsize=8192)
def script_of(ch: str) -> str | None:
    """The script of a letter, by the first word of its Unicode name; None for what is not a letter."""
    if not ch.isalpha():
        return None
    name = unicodedata.name(ch, "").split(" ")
    return LATIN if "LATIN" in name or not name[0] else name[0]


def scripts_in(text: str) -> list[str]:
    """The script of each letter."""
    return [script for ch in text if (script := script_of(ch))]


def languages(script: str) -> tuple[str, ...]:
    """Tags of the languages written in a script, of those that espeak speaks; the first is the likeliest."""
    return _BY_SCRIPT.get(script, ())
