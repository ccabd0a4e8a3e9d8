"""The instant voice: espeak-ng itself, in every language that it has."""

from collections.abc import Iterator
from concurrent.futures import Future
from functools import lru_cache
from typing import Literal

import numpy as np

from services.tts.engine import Line, Part, Phone, Voice
from services.tts.espeak.library import espeak
from services.tts.espeak.phones import groups, spoken_text, units
from services.tts.sound import LEAD_S, level, onset, settle

_GAIN = 1.0
_GENDERS: tuple[Literal["unknown", "male", "female"], ...] = ("unknown", "male", "female")
PREFIX = "espeak-"


class EspeakEngine:
    """Speaks at once and in every language; its phones are exact, its voice is a machine's."""

    name = "espeak"
    at_once: int | None = None
    ended: Future[None] | None = None

    def __init__(self) -> None:
        rate = espeak().sample_rate
        self.voices = tuple(
            Voice(PREFIX + tag, self.name, tag, _GENDERS[gender] if gender < 3 else "unknown", rate)
            for tag, gender in espeak().languages()
        )

    def close(self) -> None:
        """It holds nothing that has to be given back."""

    def speak(self, line: Line) -> Iterator[Part]:
        said = spoken_text(line)
        language = line.voice.language
        reading = espeak().read(said.text, language)
        sound = level(reading.pcm.astype(np.float32) / np.float32(32768), _GAIN)
        ends = [p.sample for p in reading.phonemes[1:]] + [len(sound)]
        cut = max(0, onset(sound) - round(LEAD_S * line.voice.sample_rate))
        phones: list[Phone] = []
        for group in groups(reading.phonemes, said, lambda word: spelled(word, language)):
            for i, unit in enumerate(group):
                # The parts of a diphthong share its time evenly.
                part = [u.event for u in group].index(unit.event)
                parts = sum(u.event == unit.event for u in group)
                start, end = reading.phonemes[unit.event].sample, ends[unit.event]
                share = (end - start) / parts
                begin, stop = start + round(share * (i - part)), start + round(share * (i - part + 1))
                phones.append(Phone(unit.ipa, max(begin - cut, 0), max(stop - cut, 0), unit.word))
        if not phones:
            yield Part(np.zeros(0, np.int16), (), True)
            return
        length = phones[-1].end + round(line.pause_ms * line.voice.sample_rate / 1000)
        yield Part(settle(sound[cut:], phones[-1].end, length), tuple(phones), True)


@lru_cache(maxsize=4096)
def spelled(word: str, language: str) -> tuple[str, ...]:
    """The sounds of a word said alone."""
    return tuple(unit for p in espeak().read(word, language).phonemes for unit in units(p.ipa))
