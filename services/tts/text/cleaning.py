"""Takes off what is not meant to be read aloud: Markdown, HTML, control characters, emoji."""

import html
import re
import unicodedata

BREAK = "\n"
"""In clean text: here one thought ends (a paragraph, a heading, an item of a list)."""

_FENCE = re.compile(r"^\s*(```|~~~).*$", re.M)
_RULE = re.compile(r"^\s*([-*_])(\s*\1){2,}\s*$|^\s*\|?[\s:|-]*-{3}[\s:|-]*$", re.M)
_PREFIX = re.compile(r"^[ \t]*(#{1,6}[ \t]+|>[ \t]?|[-*+•‣◦][ \t]+(\[[ xX]\][ \t]+)?)+", re.M)
_NUMBERED = re.compile(r"^[ \t]*\d{1,3}[.)][ \t]+", re.M)
_IMAGE_OR_LINK = re.compile(r"!?\[([^\[\]]{0,500})\]\([^()\s]{0,2000}(\s+\"[^\"]{0,200}\")?\)")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]{1,2000})>")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,300}>|<!--.{0,2000}?-->", re.S)
_REFERENCE = re.compile(r"\[\^?\d{1,3}\]")
_EMPHASIS = re.compile(r"\*+|~~|`+|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)")
_STARRED = re.compile(r"(?<=\d)\s?\*\s?(?=\d)")
_BARS = re.compile(r"[ \t]*\|[ \t]*")

_KEPT_SYMBOLS = frozenset("+=<>≠≈±×÷≤≥→°$€£¥₹%&^~−")


def clean(text: str) -> str:
    """The words that are to be said, with single spaces between them and `BREAK` between thoughts."""
    text = unicodedata.normalize("NFC", html.unescape(text)).replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(ch for ch in text if ch in "\n\t" or unicodedata.category(ch) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    text = _FENCE.sub("\n", text)
    text = _RULE.sub("\n", text)
    text = _PREFIX.sub("\n", text)
    text = _NUMBERED.sub(lambda match: "\n" + match.group().strip().replace(")", ".") + " ", text)
    text = _AUTOLINK.sub(r"\1", text)
    text = _TAG.sub(" ", text)
    text = _IMAGE_OR_LINK.sub(r"\1", text)
    text = _REFERENCE.sub("", text)
    text = _STARRED.sub("×", text)
    text = _EMPHASIS.sub("", text)
    text = "\n".join(_row(line) for line in text.split("\n"))
    text = "".join(ch if _is_sayable(ch) else " " if unicodedata.category(ch) == "So" else "" for ch in text)
    # A single line end is only how the text was wrapped; items and headings brought a second one with them.
    thoughts = re.split(r"\n\s*\n", text)
    return BREAK.join(words for thought in thoughts if (words := " ".join(re.split(r"[ \t\n]+", thought)).strip()))


def _row(line: str) -> str:
    """A table's row is read as a list."""
    return "\n" + _BARS.sub(", ", line.strip().strip("|").strip()) + "\n" if line.count("|") > 1 else line


def _is_sayable(ch: str) -> bool:
    """Emoji, their modifiers and box drawings are not."""
    if ch in _KEPT_SYMBOLS or ch == "\n":
        return True
    return unicodedata.category(ch) not in ("So", "Sk", "Sm") and not 0xFE00 <= ord(ch) <= 0xFE0F and ord(ch) != 0x20E3
