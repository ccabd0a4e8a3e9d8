"""Cuts an answer into clauses for the voice while it is still being written. Pure.

The first clause is short, so that speech starts early; later ones are whole sentences, so that they sound like it. The
cutter looks at one character at a time: how the text was split on its way here makes no difference.
"""

import re
from dataclasses import dataclass

LIMITS = (60, 120, 200)
"""The most characters of the first, the second and every later clause."""

FIRST_WORDS, FIRST_CHARS = 3, 25
"""From either length on the first clause ends at a comma as well."""

LATER_CHARS = 60
"""A later clause that is too long is cut at a comma, if it has one after this many characters."""

_CLOSERS = "\"'”’»)]*_」』"
_STOPS = (".", "!", "?", "…")
_FULL_WIDTH_STOPS = ("。", "！", "？")
_PAUSES = (",", ";", ":", "–", "—")

# Not services.common.sentences: it needs the whole next word, and knows a sentence's beginning by words such as "The".
# Here a space, or one capital letter, has to do: in "It opens at 5 p.m. C" a new sentence begins.
_NEVER_ENDS = re.compile(
    r"Ms|(?i:dr|mrs?|prof|rev|hon|gen|col|lt|sgt|vs|e\.g|i\.e|cf|ca|approx|resp|incl|fig|eq|nos|vol|pp|eds?|al)"
)
"""Abbreviations after which the sentence goes on."""

_SELDOM_ENDS = re.compile(
    r"(?i:etc|no|st|jr|sr|inc|ltd|co|corp|[ap]\.m|u\.[sk]|ph\.d|[bm]\.sc|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
)
"""Abbreviations after which a sentence ends only if a new one starts with a capital."""

_SPEAKABLE = re.compile(r"\w")
_INITIAL = re.compile(r"(?:^|[\s(])[A-HJ-Z]\.$")
_NUMBERING = re.compile(r"^\s*(?:\d{1,3}|[a-zA-Z])[.)]$")


@dataclass(frozen=True, slots=True)
class Clause:
    """Words to say in one breath; `citations` are ids of the passages that support them."""

    text: str
    citations: tuple[str, ...] = ()


class ClauseCutter:
    """Feed it the answer as it comes; it returns each clause as soon as its end is certain."""

    def __init__(self) -> None:
        self._text = ""
        self._cited: list[tuple[str, ...]] = []  # for every character of the text, what supports it
        self._cut = 0

    def feed(self, text: str, citations: tuple[str, ...] = ()) -> list[Clause]:
        """`citations` support the text; without a text, what was fed before it."""
        clauses = []
        if self._cited and not text:
            self._cited[-1] += citations
        for character in text:
            end = self._end_before(character)
            if end and (clause := self._take(end)):
                clauses.append(clause)
            if self._text or not character.isspace():
                self._text += character
                self._cited.append(citations)
        return clauses

    def flush(self) -> list[Clause]:
        """The answer is complete: what is left is the last clause."""
        clause = self._take(len(self._text))
        return [clause] if clause else []

    def _take(self, end: int) -> Clause | None:
        text, cited = self._text[:end], self._cited[:end]
        if not _SPEAKABLE.search(text):
            return None  # punctuation alone waits for words, or for the end
        rest = self._text[end:]
        blank = len(rest) - len(rest.lstrip())
        self._text, self._cited = rest[blank:], self._cited[end + blank :]
        self._cut += 1
        return Clause(" ".join(text.split()), tuple(dict.fromkeys(c for ids in cited for c in ids)))

    def _end_before(self, character: str) -> int:
        """How much of the text is a clause, now that it is known that `character` follows; 0: none yet."""
        text = self._text
        if not text:
            return 0
        if character in "\n\r":
            return len(text)
        if character not in _CLOSERS and text.rstrip(_CLOSERS).endswith(_FULL_WIDTH_STOPS):
            return len(text)
        if character.isspace():
            return len(text) if self._is_complete(text) else 0
        if text[-1].isspace() and character.isupper() and self._has_end(text.rstrip(), _SELDOM_ENDS):
            return len(text)
        return self._too_long(text, character)

    def _is_complete(self, text: str) -> bool:
        bare = text.rstrip(_CLOSERS)
        if bare.endswith(_STOPS):
            return not self._is_abbreviated(bare) and not _NUMBERING.match(bare)
        if self._cut or not bare.endswith(_PAUSES):
            return False
        return len(bare.split()) >= FIRST_WORDS or len(bare) >= FIRST_CHARS

    def _is_abbreviated(self, text: str) -> bool:
        return bool(_INITIAL.search(text)) or self._has_end(text, _NEVER_ENDS) or self._has_end(text, _SELDOM_ENDS)

    @staticmethod
    def _has_end(text: str, abbreviations: re.Pattern[str]) -> bool:
        if not text.endswith(".") or text.endswith(".."):
            return False
        word = text.split()[-1].lstrip("\"'“‘«([").removesuffix(".")
        return bool(abbreviations.fullmatch(word))

    def _too_long(self, text: str, character: str) -> int:
        limit = LIMITS[min(self._cut, len(LIMITS) - 1)]
        if len(text) < limit:
            return 0
        for end in range(len(text) - 1, LATER_CHARS, -1) if self._cut else ():
            if text[end].isspace() and text[end - 1] in _PAUSES:
                return end
        return max(text.rfind(" "), 0)  # a word longer than the limit is never cut
