"""The neural voice: espeak's phonemes, a Piper model's durations and sound."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from services.tts.engine import Line, Mark, Part, Phone, Voice
from services.tts.espeak.engine import spelled
from services.tts.espeak.library import espeak
from services.tts.espeak.phones import Unit, groups, spoken_text
from services.tts.piper.model import HOP, PiperModel
from services.tts.sound import LEAD_S, level, onset, samples, settle

_BEGIN, _PAD, _END = "^", "_", "$"
_FIRST_FRAMES, _NEXT_FRAMES = 30, 56  # 0.35 s: a first chunk and what is trimmed before it; then 0.65 s a step


@dataclass(frozen=True, slots=True)
class Symbol:
    """One input of the model; `unit`: the index of the unit that it belongs to, None for a blank, a space or a mark."""

    text: str
    unit: int | None


class PiperEngine:
    """Speaks in the voice of one Piper model, in English."""

    name = "piper"
    at_once: int | None = None
    ended: Future[None] | None = None

    def __init__(self, voice: Voice, model: PiperModel, gain: float) -> None:
        self.voices: tuple[Voice, ...] = (voice,)
        self._model, self._gain = model, gain

    def close(self) -> None:
        """It holds nothing that has to be given back."""

    def speak(self, line: Line) -> Iterator[Part]:
        said = spoken_text(line)
        language = self._model.language
        spoken = list(
            groups(espeak().read(said.text, language).phonemes, said, lambda word: spelled(word, language))
            if said.spans
            else ()
        )
        units = [unit for group in spoken for unit in group]
        if not units:
            yield Part(np.zeros(0, np.int16), (), True)
            return
        symbols = [s for s in _symbols(spoken, [word.mark for word in line.words]) if s.text in self._model.symbols]
        plan = self._model.plan([i for s in symbols for i in self._model.symbols[s.text]])
        phones = _timeline(units, symbols, np.cumsum(plan.frames) * HOP)

        # Voiced sound is all that is waited for: silence before it is cut, and none after it is made.
        total = int(plan.frames.sum())
        done = min(_FIRST_FRAMES, total)
        sound = level(self._model.sound(plan, 0, done), self._gain)
        cut = max(0, onset(sound) - round(LEAD_S * self._model.sample_rate))
        phones = [Phone(p.ipa, max(p.start - cut, 0), max(p.end - cut, 0), p.word) for p in phones]
        end = phones[-1].end
        length = end + round(line.pause_ms * self._model.sample_rate / 1000)
        sound, made, first = sound[cut:], 0, tuple(phones)
        while made + len(sound) < length and done < total:
            yield Part(samples(sound), first, False)
            made, first = made + len(sound), ()
            step = min(done + _NEXT_FRAMES, total)
            sound = level(self._model.sound(plan, done, step), self._gain)
            done = step
        yield Part(settle(sound, end - made, length - made), first, True)


def _symbols(spoken: Sequence[Sequence[Unit]], marks: Sequence[Mark]) -> Iterator[Symbol]:
    """The model's inputs: begin, every phoneme, space and mark with a blank after each, end."""
    yield from (Symbol(_BEGIN, None), Symbol(_PAD, None))
    index = 0
    for i, group in enumerate(spoken):
        for unit in group:
            for sign in unit.ipa:
                yield from (Symbol(sign, index), Symbol(_PAD, None))
            index += 1
        last = i + 1 == len(spoken)
        word = group[-1].word
        following = None if last else spoken[i + 1][0].word
        if following != word and marks[word]:
            yield from (Symbol(marks[word], None), Symbol(_PAD, None))
        if not last:
            yield from (Symbol(" ", None), Symbol(_PAD, None))
    yield Symbol(_END, None)


def _timeline(
    units: Sequence[Unit], symbols: Sequence[Symbol], ends: "np.ndarray[tuple[int], np.dtype[np.int64]]"
) -> list[Phone]:
    """Where each unit sounds, in samples of the untrimmed line.

    The model sounds ahead of its symbols: by the energy of what it says, a sound lasts from the end of the symbol
    before it to the end of its own, so blanks, spaces, stress and length signs between two sounds belong to the later
    one (the closure of a P is in the blank before its symbol). Only before a pause a sound keeps its length and blank.
    """
    phones: list[Phone] = []
    at = 0
    for i, unit in enumerate(units):
        own = [k for k, s in enumerate(symbols) if s.unit == i]
        if not own:  # a sign that the model does not know
            phones.append(Phone(unit.ipa, at, at, unit.word))
            continue
        following = next((k for k in range(own[-1] + 1, len(symbols)) if symbols[k].unit is not None), len(symbols))
        between = [s.text for s in symbols[own[-1] + 1 : following]]
        pause = following == len(symbols) or any(text not in (_PAD, " ") for text in between)
        base = [k for k in own if symbols[k].text not in "ˈˌː"] or own
        if pause:
            end = int(ends[own[-1] + 1])
        elif own[-1] > base[-1]:  # followed by a length sign: its blank still sounds
            end = int(ends[base[-1] + 1])
        else:
            end = int(ends[base[-1]])
        phones.append(Phone(unit.ipa, at, max(end, at), unit.word))
        at = max(end, at)
        if pause and following < len(symbols):
            # After a pause the sound begins with the blank before its first symbol.
            at = max(int(ends[following - 2]), at)
    return phones
