"""The recipe of the speech: which texts, said by which voices; every sound's time is known."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from spellchecker import SpellChecker

from services.common.speech import VISEMES
from services.tts.engine import Engine, Line, Part, Pcm, Phone, Voice, Written
from services.tts.espeak.engine import EspeakEngine
from services.tts.espeak.library import espeak
from services.tts.visemes.shapes import shape_changes

VARIANTS = (
    "", "+f1", "+f2", "+f3", "+f4", "+f5", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+m8", "+klatt", "+klatt2",
    "+klatt3", "+klatt4", "+Andy", "+Annie", "+Alicia", "+Gene", "+Lee", "+Mario", "+Michael", "+Jacky", "+Reed",
    "+Henrique", "+Marco", "+Denis", "+Diogo", "+Hugo", "+caleb", "+belinda", "+edward", "+grandma", "+ian", "+linda",
    "+quincy", "+rob", "+robert", "+steph", "+victor", "+zac",
)  # fmt: skip
HELD_OUT = ("+anika", "+benjamin", "+iven", "+max", "+shelby", "+travis", "+sandro")
"""Variants of espeak that nothing is trained on."""

ACCENTS = ("en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-029")
LANGUAGES = {"de": "de", "fr": "fr-fr", "es": "es", "it": "it", "pt": "pt-br", "nl": "nl", "ru": "ru"}
"""Of the word lists, and of espeak."""

_COMMON = 8000  # words of each language that are spoken


@dataclass(frozen=True, slots=True)
class Said:
    """One line as it was spoken: mono sound, its sounds with their times in samples."""

    line: Line
    pcm: Pcm
    phones: tuple[Phone, ...]

    def labels(self, frame_ms: int) -> list[int]:
        """The index of the shape in the middle of each frame."""
        rate = self.line.voice.sample_rate
        changes = list(shape_changes(self.phones, len(self.pcm)))
        middles = (np.arange(len(self.pcm) * 1000 // (rate * frame_ms)) + 0.5) * frame_ms * rate / 1000
        at = np.searchsorted([sample for sample, _ in changes], middles, side="right") - 1
        return [VISEMES.index(changes[i][1]) if i >= 0 else 0 for i in at.tolist()]


class Speaks(Protocol):
    """An engine, as far as it is needed here."""

    def speak(self, line: Line) -> Iterator[Part]: ...


def say(engine: Speaks, line: Line) -> Said:
    """The whole line, spoken by an engine that knows its phones."""
    parts = list(engine.speak(line))
    return Said(line, np.concatenate([part.pcm for part in parts]), parts[0].phones)


@cache
def _words(language: str) -> tuple[list[str], list[float]]:
    """The common words of a language and their weights, between even and as often as they are used."""
    counts = SpellChecker(language=language).word_frequency.dictionary
    common = sorted((word for word in counts if word.isalpha()), key=lambda word: (-counts[word], word))[:_COMMON]
    return common, [counts[word] ** 0.4 for word in common]


def random_line(rng: random.Random, voice: Voice, language: str) -> Line:
    """Three to nine words without sense, some with a comma after them."""
    words = rng.choices(*_words(language), k=rng.randint(3, 9))
    written = [Written(word, word, "," if rng.random() < 0.1 else "") for word in words[:-1]]
    return Line(
        (*written, Written(words[-1], words[-1], rng.choice((".", ".", "?", "!")))), voice, rng.randint(20, 400)
    )


def instant(tag: str) -> Voice:
    """espeak's voice for a language, maybe with a variant ("de+f2")."""
    return Voice(f"espeak-{tag}", "espeak", tag, "unknown", espeak().sample_rate)


def training_speech(neural: Engine, rng: random.Random, lines: int) -> Iterator[Said]:
    """`lines` lines: two in five neural, one in seven in other languages, the rest in English by espeak's variants."""
    instant_engine = EspeakEngine()
    while lines:
        draw = rng.random()
        variant = rng.choice(VARIANTS)
        engine: Speaks = instant_engine
        if draw < 0.4:
            language, voice, engine = "en", neural.voices[0], neural
        elif draw < 0.55:
            language = rng.choice(sorted(LANGUAGES))
            voice = instant(LANGUAGES[language] + variant)
        else:
            language, voice = "en", instant(rng.choice(ACCENTS) + variant)
        said = say(engine, random_line(rng, voice, language))
        if said.phones:
            lines -= 1
            yield said
