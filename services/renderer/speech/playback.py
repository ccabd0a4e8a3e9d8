"""What becomes of speech: taken in, played 20 ms at a time, and what happens as it plays."""

from dataclasses import dataclass
from typing import Literal

from services.common.speech import Word
from services.renderer.engine import Sound


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message. `pcm` is its sound at its own rate; `replaced` the turn that it pushed out."""

    turn: int
    pcm: Sound
    dropped: bool
    replaced: int | None


@dataclass(frozen=True, slots=True)
class Position:
    """The turn has been heard up to `t` ms."""

    turn: int
    t: int
    phase: Literal["started", "playing", "finished"]


@dataclass(frozen=True, slots=True)
class WordStarted:
    """A word begins to sound."""

    turn: int
    word: Word


@dataclass(frozen=True, slots=True)
class Tick:
    """20 ms of sound (960 samples), how many of them are speech, and what happened in them."""

    pcm: Sound
    spoken: int
    happened: tuple[Position | WordStarted, ...]
    ran_dry: bool
