"""Citation markers in a model's stream: `[1]`, `[1, 3]`, `[1][3]`; a marker may be split across deltas."""

import re

_MARKER = re.compile(r"\[\s*\d+(?:\s*[,;]\s*\d+)*\s*\]")
_MAY_BECOME_MARKER = re.compile(r"\s*(?:\[[\d\s,;]{0,24})?$")


class Markers:
    """Takes the stream in, gives it back without markers; a marker's numbers come with what follows it.

    Text that may still become a marker, and the space before it, is held back until that is decided.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> list[tuple[str, list[int]]]:
        """Pieces of (text to say, numbers cited just before it). A piece may hold numbers and no text."""
        held = self._held + text
        start = _MAY_BECOME_MARKER.search(held)
        cut = start.start() if start else len(held)
        self._held = held[cut:]
        return self._pieces(held[:cut])

    def end(self) -> list[tuple[str, list[int]]]:
        """What was held back when the stream ended."""
        held, self._held = self._held.rstrip(), ""
        return self._pieces(held)

    def _pieces(self, text: str) -> list[tuple[str, list[int]]]:
        pieces: list[tuple[str, list[int]]] = []
        at = 0
        numbers: list[int] = []
        for marker in _MARKER.finditer(text):
            before = text[at : marker.start()].rstrip()
            if before:
                pieces.append((before, numbers))
                numbers = []
            numbers = numbers + [int(n) for n in re.findall(r"\d+", marker.group())]
            at = marker.end()
        if text[at:] or numbers:
            pieces.append((text[at:], numbers))
        return pieces
