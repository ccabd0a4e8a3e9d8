"""Which window of a turn is generated next. Pure: no sound, no pictures, no time of its own.

Pictures of a turn are counted from 0, at 15 a second of its speech. A window of 1 + 4k pictures begins with carried
ones: the reference image, or the last pictures of the window before; the rest are new. Windows follow each other until
the chain is broken, where the next one starts from the reference image again.

    reference ┤ 12 new ├┤ 12 new ├ … pause │ reference ┤ 12 new ├ …
                       1 carried                (a window of 13, overlap 1)
"""

from dataclasses import dataclass
from math import ceil
from typing import Literal

from services.renderer.echomimic.networks.shape import GROUP

LOOK_AHEAD = 2
"""Pictures of sound that must be there after a window's last: what its last picture hears."""

PATIENCE_S = 0.25
"""Speech that has not grown for so long is taken as all there is for now, if its pictures are needed soon."""

SOON = 10
"""Pictures: sooner than this after the playhead, new ones are needed soon."""

Start = Literal["turn", "carried", "pause", "drift", "gap"]
"""Why a window starts as it does: "carried" from the window before, for any other reason from the reference image."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """The pictures of a window, and how many of them the next one carries on from."""

    window: int = 13
    overlap: int = 1

    def __post_init__(self) -> None:
        if (self.window - 1) % GROUP or (self.overlap - 1) % GROUP or not 0 < self.overlap < self.window:
            raise ValueError(
                f"A window of {self.window} pictures with an overlap of {self.overlap} does not fall into latent "
                f"frames: both must be 1 more than a multiple of {GROUP}, the overlap the smaller."
            )

    @property
    def latents(self) -> int:
        """Latent frames of a window."""
        return (self.window - 1) // GROUP + 1

    def carried(self, start: Start) -> int:
        """Pictures of a window that are not new."""
        return self.overlap if start == "carried" else 1


@dataclass(frozen=True, slots=True)
class Window:
    """New pictures `first` to `first + count - 1` of the turn; it is made whole, and what is beyond is left out."""

    first: int
    count: int
    start: Start


class WindowPlan:
    """One turn's windows, one at a time."""

    def __init__(self, scheme: Scheme) -> None:
        self._scheme = scheme
        self._start: Start = "turn"
        self.next_picture = 0

    def break_off(self, start: Start) -> None:
        """The next window starts from the reference image; at the start of a turn it does so anyway."""
        if self._start == "carried":
            self._start = start

    def next(self, heard: float, ended: bool, playhead: int, waited_s: float, quiet: bool) -> Window | None:
        """The next window, if the speech for it is there.

        `heard`: speech so far, in pictures; `ended`: there is no more to come; `playhead`: the picture that is due now;
        `waited_s`: since speech last came; `quiet`: whether the speech pauses where the window would begin.
        """
        first = max(self.next_picture, playhead)  # what is late already would be thrown away
        start: Start = "pause" if quiet and self._start == "carried" else self._start
        new = self._new(start)
        left = heard - first
        if left >= new + LOOK_AHEAD:
            return Window(first, new, start)
        if left <= 0:
            return None
        if ended:
            return Window(first, min(new, ceil(left)), start)
        if waited_s >= PATIENCE_S and first - playhead < SOON:
            return Window(first, min(new, max(1, int(left))), start)
        return None

    def take(self, window: Window) -> None:
        """The window is being made. One that was cut short, for want of speech, ends the chain."""
        self.next_picture = window.first + window.count
        self._start = "carried" if window.count == self._new(window.start) else "gap"

    def _new(self, start: Start) -> int:
        return self._scheme.window - self._scheme.carried(start)
