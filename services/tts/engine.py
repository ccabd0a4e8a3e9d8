"""What speaks. Engines fill one protocol: `piper` (neural), `espeak` (instant), `xtts` (cloned voices)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
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
    """A voice as `GET /v1/voices` shows it; `language` is a BCP 47 tag in lower case, `sample_rate` in Hz.

    `languages` are the families that it speaks, where there are several, each with the characters of its longest line.
    """

    name: str
    engine: str
    language: str
    gender: Literal["male", "female", "unknown"]
    sample_rate: int
    languages: Mapping[str, int] = field(default_factory=dict, hash=False)

    def speaking(self, tag: str) -> "Voice | None":
        """The voice for a language tag, in its whole family (en-GB too); None where it does not speak that."""
        family = family_of(tag)
        if family == family_of(self.language):
            return self
        return replace(self, language=family) if family in self.languages else None


def family_of(tag: str) -> str:
    """The language of a BCP 47 tag without script and region; Mandarin is Chinese."""
    family = tag.lower().split("-")[0]
    return "zh" if family == "cmn" else family


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


class SynthesisFailed(Exception):
    """A line cannot be spoken, or not to its end; the message is a sentence."""


class Engine(Protocol):
    """Loads once; speaks lines, from several threads at once."""

    name: str
    voices: tuple[Voice, ...]
    at_once: int | None
    """How many steps may be under way at once; None: as many as there are cores for."""

    def speak(self, line: Line) -> Iterator[Part]:
        """The line's sound, part by part; each step of the iterator is a short piece of work. At least one part.

        A line of which nothing can be said is one part without sound. A step may raise SynthesisFailed.
        """
        ...

    def close(self) -> None: ...


class Learner(Protocol):
    """An engine that speaks in cloned voices."""

    def learn(self, name: str, sound: NDArray[np.float32], folder: Path) -> None:
        """Take up a voice from its recording (mono, 22 050 Hz), or from what an earlier time left in its folder.

        Raises SynthesisFailed where it cannot.
        """
        ...

    def forget(self, name: str) -> None: ...

    def voice(self, name: str, language: str = "en") -> Voice:
        """How it is shown and chosen; it speaks `language` where nothing else is asked for."""
        ...
