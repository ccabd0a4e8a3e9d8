"""XTTS v2: a neural voice that speaks 17 languages in anybody's voice, after a few seconds of it."""

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from services.common.logs import logger
from services.common.speech import VisemeAt, Word
from services.tts.engine import Line, Part, Pcm, SynthesisFailed, Voice, Written, family_of
from services.tts.sound import LEAD_S, Sound, level, onset, samples, settle
from services.tts.xtts.batch import Batch, Utterance
from services.tts.xtts.conditioning import Conditioning, condition, keep, kept
from services.tts.xtts.decoder import Decoder
from services.tts.xtts.vocoder import Vocoder
from services.tts.xtts.weights import Loaded

PREFIX = "xtts-"
_FIRST_S, _NEXT_S = 0.16, 0.32  # of a part
_LEAD_LIMIT_S = 0.6  # silence before the first sound is cut up to here; a line that stays silent is spoken as it is
_TAIL_S = 0.04  # kept after the last sound
_LAG_S = 0.07  # how far the tracker is behind, until it is known
_FEWEST_FRAMES = 5
_DIGIT = re.compile(r"[0-9]")
_HINDI_DIGITS = ["शून्य", "एक", "दो", "तीन", "चार", "पाँच", "छह", "सात", "आठ", "नौ"]
_CHARACTERS = {  # what the model says at once without losing its way, as the library's tokenizer has it
    "en": 250, "de": 253, "fr": 273, "es": 239, "it": 213, "pt": 203, "pl": 224, "zh": 82, "ar": 166, "cs": 186,
    "ru": 182, "nl": 251, "tr": 226, "ja": 71, "hu": 224, "ko": 95, "hi": 150,
}  # fmt: skip


class Settled(Protocol):
    """Changes of shape and words that are certain by now, in ms from the line's start; complete before `until_ms`."""

    @property
    def visemes(self) -> list[VisemeAt]: ...
    @property
    def words(self) -> list[Word]: ...
    @property
    def until_ms(self) -> int: ...


class Tracker(Protocol):
    """Listens to one line's sound."""

    def feed(self, pcm: Pcm, final: bool) -> Settled: ...


Track = Callable[[Line, int], Tracker]
"""A tracker for a line whose sound comes at so many Hz."""


class XttsEngine:
    name = "xtts"

    def __init__(self, loaded: Loaded, decoder: Decoder, vocoder: Vocoder, track: Track) -> None:
        """`decoder` and `vocoder` are made of the loaded model; the engine is the only one to use them from now on."""
        self._loaded, self._track = loaded, track
        self._decoder, self._vocoder = decoder, vocoder
        self._batch = Batch(decoder, vocoder)
        self._known: dict[str, Conditioning] = {}
        self._lock = threading.Lock()
        self.at_once: int | None = decoder.rows
        families = [tag.split("-")[0] for tag in loaded.languages]
        self._languages = {family: _CHARACTERS.get(family, 150) for family in families}
        for name, tensors in loaded.model.speaker_manager.speakers.items():
            style, speaker = (
                tensors[key].float().to(loaded.model.device) for key in ("gpt_cond_latent", "speaker_embedding")
            )
            self._known[PREFIX + slug(name)] = Conditioning(style, speaker)
        self.voices = tuple(self.voice(name) for name in self._known)

    def voice(self, name: str, language: str = "en") -> Voice:
        family = family_of(language) if family_of(language) in self._languages else "en"
        return Voice(name, self.name, family, "unknown", self._vocoder.rate, self._languages)

    def learn(self, name: str, sound: Sound, folder: Path) -> None:
        found = kept(folder, self._loaded.fingerprint, self._loaded.model.device)
        if found is None:
            made: list[Conditioning] = []
            try:
                self._batch.do(lambda: made.append(condition(self._loaded, sound)))
            except (RuntimeError, torch.OutOfMemoryError) as error:
                raise SynthesisFailed(f"XTTS could not learn the voice ({error}).") from error
            (found,) = made
            keep(found, folder, self._loaded.fingerprint)
        self._known[name] = found

    def forget(self, name: str) -> None:
        self._known.pop(name, None)

    def speak(self, line: Line) -> Iterator[Part]:
        conditioning = self._known.get(line.voice.name)
        if conditioning is None:
            raise SynthesisFailed(f"The voice {line.voice.name!r} was removed.")
        speech = _Stream(self._vocoder.rate, self._track(line, self._vocoder.rate))
        *before, last = self._readings(line.words, line.voice.language)
        for reading in (*before, last):
            utterance = Utterance(conditioning.style, conditioning.speaker, reading)
            over = False
            try:
                while not over:
                    frames = -(-speech.missing() // self._vocoder.hop)
                    sound, over = self._batch.more(utterance, max(frames, _FEWEST_FRAMES))
                    yield from speech.push(sound, line.pause_ms if over and reading is last else None)
            finally:
                self._batch.leave(utterance)

    def close(self) -> None:
        self._batch.close()

    def _readings(self, words: Sequence[Written], language: str) -> list[list[int]]:
        """The words as tokens; in pieces where they are too many: numbers are longer in words than as written."""
        tokens = self._tokens(" ".join(word.text for word in words), language)
        if len(tokens) <= self._decoder.most_text or len(words) == 1:
            return [tokens[: self._decoder.most_text]]
        half = len(words) // 2
        return self._readings(words[:half], language) + self._readings(words[half:], language)

    def _tokens(self, text: str, language: str) -> list[int]:
        """What is written, as the library's tokenizer reads it: numbers, signs and abbreviations in words."""
        encode = self._loaded.model.tokenizer.encode
        with self._lock:  # its readers of Japanese and Chinese load at their first use
            try:
                tokens: list[int] = encode(text.strip().lower(), lang=language)
            except Exception as error:  # numbers that the library has no words for; in Hindi that is all of them
                logger().debug("read digit by digit", language=language, reason=repr(error))
                digits = _HINDI_DIGITS if language == "hi" else "0123456789"
                spelled = _DIGIT.sub(lambda digit: f" {digits[int(digit[0])]} ", text.strip().lower())
                tokens = encode(spelled, lang=language)
        return tokens


class _Stream:
    """One line's sound, cut into parts as soon as it is known which shapes and words belong to them. Pure."""

    def __init__(self, rate: int, tracker: Tracker) -> None:
        self._rate, self._tracker = rate, tracker
        self._lead: Sound | None = np.zeros(0, np.float32)  # silence so far; None: the first sound has come
        self._held: Pcm = np.zeros(0, np.int16)  # made and not yet handed out
        self._sent = 0  # samples
        self._settled = 0  # samples whose shapes and words are certain
        self._lag = round(_LAG_S * rate)  # samples that the tracker is behind
        self._visemes: list[VisemeAt] = []
        self._words: list[Word] = []

    def missing(self) -> int:
        """How many more samples the next part takes."""
        return self._size() + self._lag - len(self._held)

    def push(self, sound: Sound, pause_ms: int | None) -> Iterator[Part]:
        """The parts that are complete with this sound; with a pause, which ends the line, all that is left."""
        over = pause_ms is not None
        sound = level(sound, 1.0)
        if self._lead is not None:
            sound = np.concatenate([self._lead, sound])
            begins = onset(sound)
            if begins == len(sound) and len(sound) < _LEAD_LIMIT_S * self._rate and not over:
                self._lead = sound
                return
            self._lead = None
            sound = sound[max(0, begins - round(LEAD_S * self._rate)) :] if begins < len(sound) else sound
        pcm = samples(sound) if pause_ms is None else self._ending(sound, pause_ms)
        made = self._sent + len(self._held) + len(pcm)
        found = self._tracker.feed(pcm, over)
        self._visemes += found.visemes
        self._words += found.words
        self._settled = made if over else min(made, found.until_ms * self._rate // 1000)
        self._lag = max(self._lag, made - self._settled)
        self._held = np.concatenate([self._held, pcm])
        while self._settled - self._sent >= self._size() and len(self._held) > self._size():
            yield self._part(self._size(), last=False)
        if over:
            yield self._part(len(self._held), last=True)

    def _size(self) -> int:
        return round((_NEXT_S if self._sent else _FIRST_S) * self._rate)

    def _part(self, size: int, *, last: bool) -> Part:
        pcm, self._held = self._held[:size], self._held[size:]
        self._sent += size
        part = Part(pcm, (), last, tuple(self._visemes), tuple(self._words))
        self._visemes, self._words = [], []
        return part

    def _ending(self, sound: Sound, pause_ms: int) -> Pcm:
        """The last stretch: up to its last sound, and the pause."""
        end = len(sound) - onset(sound[::-1])
        end = min(end + round(_TAIL_S * self._rate), len(sound))
        return settle(sound, end, end + round(pause_ms * self._rate / 1000))


def slug(name: str) -> str:
    """A speaker's name as a voice's: "Claribel Dervla" is claribel-dervla."""
    bare = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", bare.lower()))
