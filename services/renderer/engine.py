"""What draws a face. Two engines fill these protocols: `portrait` on the CPU, `echomimic` on the GPU."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.common.speech import VisemeAt


class EngineUnavailableError(RuntimeError):
    """The renderer cannot draw as it is set up; the message says which setting to change."""


Frame = NDArray[np.uint8]
"""512×512×3, BGR."""

Sound = NDArray[np.int16]
"""Mono samples, 48 kHz unless a rate is given beside them."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Which instant a video frame shows.

    `at`: seconds on the session's media clock, grows by 1/15 a frame. `turn`: the newest turn that was heard, 0 before
    the first. `t`: ms into that turn's speech, or None while nothing sounds (before, between and after turns, and
    while speech has run dry).
    """

    at: float
    turn: int
    t: float | None


class Performer(Protocol):
    """One session's face. Called from one thread at a time, but for `ready`."""

    def hear(self, turn: int, t0: int, pcm: Sound, sr: int, visemes: list[VisemeAt]) -> None:
        """Speech that will be heard later: `pcm` (mono) starts `t0` ms into `turn`; viseme times are of the turn."""
        ...

    def end(self, turn: int) -> None:
        """All speech of the turn was handed over; more of it is never heard."""
        ...

    def ready(self, turn: int, t: float) -> bool:
        """Whether there are pictures for speech that would begin, or go on after a pause, `t` ms into the turn.

        Sound waits for it, though not for long. Asked every 20 ms, from another thread; answers at once.
        """
        ...

    def cancel(self, turn: int) -> None:
        """Nothing more of turns up to this one will be heard: forget them; the mouth closes from the next frame on."""
        ...

    def frame(self, moment: Moment) -> Frame:
        """The picture for this moment; moments only grow. The array may be reused by the next call."""
        ...

    def restyle(self, style: str) -> None:
        """Change light, background and colour to a preset of the engine's `styles`."""
        ...

    def close(self) -> None:
        """The session has ended; nothing is called after this."""
        ...


class Engine(Protocol):
    """Loads once; gives every session a performer."""

    name: str
    styles: tuple[str, ...]
    avatars: tuple[str, ...]
    style: str  # the preset baked at start

    def open(self, avatar: str, style: str) -> Performer:
        """A performer for one session. Raises `Problem` 422 for an avatar or a style that is not there."""
        ...

    async def supervise(self) -> None:
        """Without end, unless one of the engine's threads fails: raises what ended it."""
        ...

    def close(self) -> None:
        """The renderer stops; all performers were closed before."""
        ...
