"""The interface of a speech engine (`espeak`: instant, `piper`: neural, `xtts`: cloned voices), and what passes it."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
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

    `languages`: of a voice that speaks several, each language without region, and how many characters a line in it may
    have. Empty for a voice of one language.
    """

    name: str
    engine: str
    language: str
    gender: Literal["male", "female", "unknown"]
    sample_rate: int
    languages: Mapping[str, int] = field(default_factory=dict, hash=False)

    def in_language(self, tag: str) -> "Voice | None":
        """This voice, speaking the language of a BCP 47 tag, whatever its region; None where it does not."""
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
    """A word of a line: as it is written (`text`), as it is said (`spoken`, maybe several words), the mark after it."""

    text: str
    spoken: str
    mark: Mark = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence, or a part of a long one, that one voice says in one breath, and the silence after it."""

    words: tuple[Written, ...]
    voice: Voice
    pause_ms: int


@dataclass(frozen=True, slots=True)
class Phone:
    """One speech sound: IPA, first sample and last + 1 from the line's start, and its word's index in the line."""

    ipa: str
    start: int
    end: int
    word: int


@dataclass(frozen=True, slots=True)
class Part:
    """The next stretch of a line's sound.

    An engine that knows its phones gives all phones of the line with the first part. Another gives, with each part, all
    changes of shape that lie in it and the words that have ended by then, in ms from the line's start.
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
    """How many steps may be under way at once; None: as many as the cores allow."""
    ended: Future[None] | None
    """Done when the thread that the engine runs in has ended; None: the engine has no thread of its own."""

    def speak(self, line: Line) -> Iterator[Part]:
        """The line's sound in parts, at least one; the last is marked so. Each step of the iterator is a short piece of
        work. A line of which nothing can be said is one part without sound. A step may raise SynthesisFailed.
        """
        ...

    def close(self) -> None:
        """Give back what the engine holds; nobody speaks any more."""
        ...


class CloningEngine(Protocol):
    """An engine that speaks in cloned voices."""

    def learn(self, name: str, sound: NDArray[np.float32], folder: Path) -> None:
        """Speak in this voice from now on: from what was derived and kept in its folder, or from its recording (mono,
        22 050 Hz). Raises SynthesisFailed where it cannot.
        """
        ...

    def forget(self, name: str) -> None:
        """Do not speak in this voice any more."""
        ...

    def voice(self, name: str, language: str = "en") -> Voice:
        """The voice as the catalog shows it; it speaks `language` where a request names none."""
        ...
