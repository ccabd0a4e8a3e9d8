"""What speaks. Engines fill one protocol: `piper` (neural) and `espeak` (instant, many languages)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from services.common.speech import VisemeAt, Word

Pcm = NDArray[np.int16]
"""Mono samples."""

Mark = Literal["", ",", ";", ":", ".", "?", "!"]
"""What stands after a word, as far as it can be heard."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice as `GET /v1/voices` shows it; `language` is a BCP 47 tag in lower case, `sample_rate` in Hz."""

    name: str
    engine: str
    language: str
    gender: Literal["male", "female", "unknown"]
    sample_rate: int


@dataclass(frozen=True, slots=True)
class Written:
    """One word as it is written (`text`), as it is said (`spoken`: plain words, maybe many), the mark after it."""

    text: str
    spoken: str
    mark: Mark = ""


@dataclass(frozen=True, slots=True)
class Line:
    """What is said in one breath by one voice, and how long the silence after it is."""

    words: tuple[Written, ...]
    voice: Voice
    pause_ms: int


@dataclass(frozen=True, slots=True)
class Phone:
    """One sound: IPA, samples from the start of the line, and the index of the word in the line that it belongs to."""

    ipa: str
    start: int
    end: int
    word: int


@dataclass(frozen=True, slots=True)
class Part:
    """The next stretch of a line's sound.

    The first part carries all phones of the line; or, where the engine has none, each what is certain by
    now, in ms from the line's start: all changes of shape that lie in the part, and the words that have ended.
    """

    pcm: Pcm
    phones: tuple[Phone, ...]
    last: bool
    visemes: tuple[VisemeAt, ...] = ()
    words: tuple[Word, ...] = ()


class Engine(Protocol):
    """Loads once; speaks lines, from several threads at once."""

    name: str
    voices: tuple[Voice, ...]

    def speak(self, line: Line) -> Iterator[Part]:
        """The line's sound, part by part; each step of the iterator is a short piece of work. At least one part.

        A line of which nothing can be said is one part without sound.
        """
        ...
