"""How far an ingest is, and how a terminal shows it."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

WIDTH = 24
REDRAW_S = 0.1


@dataclass(frozen=True, slots=True)
class IngestProgress:
    """`passages` are those that were new; `seconds` since the start."""

    files: int
    of: int
    passages: int
    seconds: float

    def __str__(self) -> str:
        rate = f", {self.passages / self.seconds:.0f} a second" if self.passages and self.seconds else ""
        return f"{self.files} of {self.of} files, {self.passages} new passages{rate}"


Report = Callable[[IngestProgress], None]
"""Told after each file, and while a long one is under way."""


class Bar:
    """Shows progress: on a terminal a line that is drawn again, in a file a line for each tenth."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out, self._live = out, out.isatty()
        self._drawn, self._tenths = 0.0, -1

    def __call__(self, progress: IngestProgress) -> None:
        share = progress.files / progress.of if progress.of else 1.0
        if self._live:
            if share < 1 and time.monotonic() - self._drawn < REDRAW_S:
                return
            self._drawn = time.monotonic()
            full = round(share * WIDTH)
            self._out.write(f"\r\x1b[2K{'█' * full}{'░' * (WIDTH - full)} {progress}")
        elif int(share * 10) > self._tenths:
            self._tenths = int(share * 10)
            self._out.write(f"{progress}\n")
        self._out.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._live and self._drawn:
            self._out.write("\n")
