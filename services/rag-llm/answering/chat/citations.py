"""Citation markers in a model's stream: `[1]`, `[1, 3]`, `[1-3]`, `[1][3]`; a marker may be split across deltas."""

import re

_MARKER = re.compile(r"\[\s*\d{1,2}(?:\s*[,;–-]\s*\d{1,2})*\s*\]")
_UNDECIDED = re.compile(r"[.!?…,;:–—]{0,9}[\"'”’)]{0,9}\s{0,9}(?:\[[\d\s,;–-]{0,24})?$")
_RANGE = re.compile(r"(\d+)(?:\s*[–-]\s*(\d+))?")

Piece = tuple[str, list[int]]
"""Words to say, and the numbers cited right after them."""


class CitationMarkers:
    """Takes the stream in, gives it back without markers.

    What may still become a marker is held back until that is decided, with the stop and the space before it: so a
    sentence's end never leaves without its citations.
    """

    def __init__(self) -> None:
        self._held = ""
        self._said = False
        self._early: list[int] = []  # cited before the first word

    def feed(self, text: str) -> list[Piece]:
        """Pieces in order. A piece may hold numbers and no words: they belong to the words before it."""
        held = self._held + text
        undecided = _UNDECIDED.search(held)
        cut = undecided.start() if undecided else len(held)
        self._held = held[cut:]
        return self._pieces(held[:cut])

    def end(self) -> list[Piece]:
        """What was held back when the stream ended."""
        held, self._held = self._held.rstrip(), ""
        return self._pieces(held)

    def _pieces(self, text: str) -> list[Piece]:
        pieces: list[Piece] = []
        at = 0
        for marker in _MARKER.finditer(text):
            self._add(pieces, text[at : marker.start()].rstrip(), _numbers(marker.group()))
            at = marker.end()
        self._add(pieces, text[at:], [])
        return pieces

    def _add(self, pieces: list[Piece], words: str, numbers: list[int]) -> None:
        words = words if self._said else words.lstrip()
        if not words and not self._said:
            self._early += numbers
            return
        numbers = [*self._early, *numbers]
        self._said, self._early = True, []
        if words:
            pieces.append((words, numbers))
        elif pieces:
            pieces[-1][1].extend(numbers)
        elif numbers:
            pieces.append(("", numbers))


def _numbers(marker: str) -> list[int]:
    """`[1, 3-5]`: 1, 3, 4, 5."""
    ranges = ((int(first), int(last or first)) for first, last in _RANGE.findall(marker))
    return [number for first, last in ranges for number in range(first, last + 1)]
