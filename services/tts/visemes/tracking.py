"""Visemes and word times for any voice, from its sound as it streams, and from its text where there is one.

Two things are combined: a frame classifier that hears which shape a mouth has (`mouth_model`), and the sounds that
espeak reads in the text, to which the sound is aligned (`alignment`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.common.errors import Problem
from services.common.speech import VISEMES, VisemeAt, Word
from services.tts.engine import Line, Pcm, Phone, Voice
from services.tts.espeak.engine import EspeakEngine
from services.tts.espeak.library import espeak
from services.tts.text.lines import lines_of
from services.tts.visemes.alignment import LAG, Alignment, Expected
from services.tts.visemes.mouth_model import AHEAD, ShapeClassifier, mouth_model
from services.tts.visemes.shapes import shapes_of
from services.tts.visemes.spectrum import HOP_MS, WINDOW_S

LATENCY_MS = round((AHEAD + LAG - 0.5) * HOP_MS + WINDOW_S * 500)
"""How much more must have been made than is settled."""

_OTHER_NAMES = {"zh": "cmn", "no": "nb"}


@dataclass(frozen=True, slots=True)
class Tracked:
    """What is settled by the latest sound: changes of shape and words, in ms from the utterance's start, in order.

    Nothing before `until_ms` changes any more. A word is told when it has ended.
    """

    visemes: list[VisemeAt]
    words: list[Word]
    until_ms: int


class VisemeTracker(Protocol):
    """One utterance."""

    def feed(self, pcm: Pcm, final: bool) -> Tracked:
        """The next samples, of any number; with `final` all that is left is settled, and the tracker is done."""
        ...


def track(text: str, sr: int, language: str = "en") -> VisemeTracker:
    """Follow the sound of `text` at `sr` Hz. Without text, or where espeak cannot read it, by the sound alone.

    Raises ValueError for a rate outside 8–48 kHz.
    """
    try:
        lines = lines_of(text, _reader(language), lambda tag: _reader(tag) if _espeak_tag(tag) else None)
    except Problem:
        lines = []
    return _following(lines, sr)


def track_line(line: Line, sr: int) -> VisemeTracker:
    """Follow the sound of a line; its words are told as they are written."""
    return _following([line], sr)


def _following(lines: list[Line], sr: int) -> VisemeTracker:
    model = mouth_model()
    return Tracker(lines, sr, ShapeClassifier(model, sr), model.prior)


class Classifier(Protocol):
    """Tells shapes by their sound, frame by frame."""

    def push(self, pcm: Pcm, *, final: bool) -> NDArray[np.float32]:
        """[n, shapes]: how likely each shape is, in each 10 ms that can be judged by now; with `final` in all."""
        ...


class Tracker:
    """Aligns the lines' sounds with what the classifier hears."""

    def __init__(self, lines: list[Line], sr: int, classifier: Classifier, prior: NDArray[np.float32]) -> None:
        """`prior` [shapes]: how often each shape occurs in speech."""
        self._sr, self._classifier = sr, classifier
        self._samples = 0
        self._words = [word.text for line in lines for word in line.words]
        marked = [bool(word.mark) for line in lines for word in line.words]
        self._alignment = Alignment(list(_expected(lines)), marked, prior)
        self._now_ms = 0
        self._shape: str | None = None
        self._word = 0  # index of the word that sounds or comes next
        self._began_ms: int | None = None  # when that word began

    def feed(self, pcm: Pcm, final: bool) -> Tracked:
        """As `VisemeTracker` has it."""
        self._samples += len(pcm)
        visemes: list[VisemeAt] = []
        words: list[Word] = []
        for frame in self._alignment.push(self._classifier.push(pcm, final=final), final=final):
            shape = VISEMES[int(frame.shapes.argmax())]
            if shape != self._shape:
                self._shape = shape
                visemes.append(VisemeAt(t=self._now_ms, v=shape))
            words += self._until(frame.word)
            if frame.word == self._word:
                if not frame.inside:
                    self._began_ms = None  # it only seemed to begin
                elif self._began_ms is None:
                    self._began_ms = self._now_ms
            self._now_ms += HOP_MS
        if final:
            self._now_ms = min(
                self._now_ms, self._samples * 1000 // self._sr
            )  # the last frame may reach beyond the end
            words += self._until(len(self._words))
            if self._shape not in (None, "SIL"):
                visemes.append(VisemeAt(t=self._now_ms, v="SIL"))
        return Tracked(visemes, words, self._now_ms)

    def _until(self, word: int) -> Iterator[Word]:
        """The words before `word`, which end now; those of which nothing was heard have no length."""
        while self._word < word:
            began = self._now_ms if self._began_ms is None else self._began_ms
            yield Word(t0=began, t1=self._now_ms, text=self._words[self._word])
            self._word, self._began_ms = self._word + 1, None


def _expected(lines: list[Line]) -> Iterator[Expected]:
    """What espeak reads in the lines; sounds of one shape in a row are one."""
    before = 0
    for line in lines:
        reader = _reader(line.voice.language)
        phones: tuple[Phone, ...] = ()
        if _espeak_tag(line.voice.language):
            (part,) = _engine().speak(Line(line.words, reader, 0))
            phones = part.phones
        shaped = zip(phones, shapes_of(phones), strict=True)
        for (shape, word), run in groupby(shaped, key=lambda item: (item[1], item[0].word)):
            length = sum(phone.end - phone.start for phone, _ in run)
            yield Expected(shape, length * 1000 / (HOP_MS * reader.sample_rate), before + word)
        before += len(line.words)


@cache
def _engine() -> EspeakEngine:
    return EspeakEngine()


def _reader(language: str) -> Voice:
    """The voice of espeak that reads a language."""
    tag = _espeak_tag(language) or language
    return Voice(tag, "espeak", tag, "unknown", espeak().sample_rate)


@cache
def _espeak_tag(language: str) -> str | None:
    """What espeak calls a language (BCP 47, maybe with a region it does not know); None where it cannot read it."""
    tag = language.lower()
    family = tag.split("-")[0]
    family = _OTHER_NAMES.get(family, family)
    known = [voice.language for voice in _engine().voices]
    if tag in known:
        return tag
    near = [name for name in known if name.split("-")[0] == family]
    return next((name for name in (f"{family}-us", family) if name in near), near[0] if near else None)
