"""The one terminal that all services print to: whole lines, each behind its service's name in a colour of its own."""

from collections.abc import Sequence
from itertools import cycle
from typing import BinaryIO

OURS = "up"
"""The name before the supervisor's own lines."""

COLOURS = ("36", "33", "32", "35", "31", "34", "36;1", "33;1", "32;1", "35;1", "31;1", "34;1")
"""Cyan, yellow, green, magenta, red and blue as ANSI codes; then the bright ones."""


class Console:
    """Prints until it is muted. `out` is written to line by line, in colour where it is a terminal."""

    def __init__(self, out: BinaryIO, names: Sequence[str]) -> None:
        self.muted = False
        self._out = out
        width = max(map(len, (*names, OURS)))
        self._prefixes = {name: f"{name:<{width}} | " for name in (*names, OURS)}
        if out.isatty():
            for name, colour in zip(names, cycle(COLOURS), strict=False):
                self._prefixes[name] = f"\033[{colour}m{self._prefixes[name]}\033[0m"

    def line(self, name: str, line: bytes) -> None:
        """One line of a service. What is not UTF-8 in it is shown as �; a bare carriage return ends a line too."""
        for text in line.decode("utf-8", "replace").removesuffix("\r").split("\r"):
            self._write(name, text)

    def say(self, text: str) -> None:
        """A line of the supervisor's own."""
        self._write(OURS, text)

    def _write(self, name: str, text: str) -> None:
        if not self.muted:
            self._out.write(f"{self._prefixes[name]}{text}\n".encode())
            self._out.flush()
