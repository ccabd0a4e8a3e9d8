"""libespeak-ng through ctypes: text in; sound and its exact phonemes out."""

import ctypes as c
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import espeakng_loader
import numpy as np

from services.tts.engine import Pcm

_RETRIEVE_SOUND = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples go to the callback
_INITIALIZE = 1 << 0 | 1 << 1 | 1 << 15  # phoneme events, as IPA, and do not exit the process on errors
_UTF8 = 1
_END, _PHONEME = 0, 7  # event types


class _Id(c.Union):
    _fields_ = (("number", c.c_int), ("name", c.c_char_p), ("string", c.c_char * 8))


class _Event(c.Structure):
    _fields_ = (
        ("type", c.c_int),
        ("unique_identifier", c.c_uint),
        ("text_position", c.c_int),
        ("length", c.c_int),
        ("audio_position", c.c_int),
        ("sample", c.c_int),
        ("user_data", c.c_void_p),
        ("id", _Id),
    )


class _Voice(c.Structure):
    _fields_ = (
        ("name", c.c_char_p),
        ("languages", c.c_char_p),
        ("identifier", c.c_char_p),
        ("gender", c.c_ubyte),
        ("age", c.c_ubyte),
        ("variant", c.c_ubyte),
        ("_", c.c_ubyte),
        ("score", c.c_int),
        ("spare", c.c_void_p),
    )


_Callback = c.CFUNCTYPE(c.c_int, c.POINTER(c.c_short), c.c_int, c.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class Phoneme:
    """A phoneme as espeak places it: IPA ("" is silence), where in the text its word begins, its first sample."""

    ipa: str
    position: int
    sample: int


@dataclass(frozen=True, slots=True)
class Reading:
    """How espeak reads a text: mono at `Espeak.sample_rate`, and the phonemes in their order."""

    pcm: Pcm
    phonemes: tuple[Phoneme, ...]


class Espeak:
    """The library. It keeps its state in globals: there is one instance a process, and one caller at a time."""

    def __init__(self) -> None:
        self._library = c.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.sample_rate: int = self._library.espeak_Initialize(_RETRIEVE_SOUND, 0, data, _INITIALIZE)
        if self.sample_rate <= 0:
            raise OSError("espeak-ng could not be started: its data is missing; install the requirements again")
        self._lock = threading.Lock()
        self._language = ""
        self._voices: dict[str, tuple[str, int]] = {}
        for tag, voice in self._listed():
            self._voices.setdefault(tag, voice)
        self._pcm: list[bytes] = []
        self._phonemes: list[Phoneme] = []
        self._callback = _Callback(self._receive)  # kept: C holds no reference to it
        self._library.espeak_SetSynthCallback(self._callback)

    def languages(self) -> Iterator[tuple[str, int]]:
        """(language tag, gender: 1 male, 2 female, 0 unknown) of each language that the library speaks."""
        return ((tag, gender) for tag, (_, gender) in self._voices.items())

    def _listed(self) -> Iterator[tuple[str, tuple[str, int]]]:
        """Of each voice its language's tag, the library's name for it ("roa/fr" for "fr-fr"), the gender."""
        self._library.espeak_ListVoices.restype = c.POINTER(c.POINTER(_Voice))
        for voice in self._library.espeak_ListVoices(None):
            if not voice:
                return
            tag = voice.contents.languages[1:].decode().lower()  # the first byte is a priority
            yield tag, (voice.contents.identifier.decode(), voice.contents.gender)

    def read(self, text: str, language: str) -> Reading:
        """Say `text`, in a language or in one with a variant ("de+f2"). Raises ValueError for one that is not there."""
        encoded = text.encode() + b"\0"
        with self._lock:
            if language != self._language:
                tag, plus, variant = language.partition("+")
                name, _ = self._voices.get(tag, (tag, 0))
                if self._library.espeak_SetVoiceByName((name + plus + variant).encode()):
                    raise ValueError(f"espeak-ng does not speak {language!r}")
                self._language = language
            self._pcm, self._phonemes = [], []
            self._library.espeak_Synth(encoded, len(encoded), 0, 1, 0, _UTF8, None, None)
            return Reading(np.frombuffer(b"".join(self._pcm), np.int16), tuple(self._phonemes))

    def _receive(self, samples: "c._Pointer[c.c_short]", count: int, events: "c._Pointer[_Event]") -> int:
        if count > 0:
            self._pcm.append(c.string_at(samples, count * 2))
        i = 0
        while (event := events[i]).type != _END:
            if event.type == _PHONEME:
                ipa = event.id.string.decode(errors="ignore")
                # "(en)" marks a change of language within the text: not a sound.
                if not ipa.startswith("("):
                    self._phonemes.append(Phoneme(ipa, event.text_position - 1, event.sample))
            i += 1
        return 0


@cache
def espeak() -> Espeak:
    """The process's only instance, loaded at the first call. Raises OSError where its data is missing."""
    return Espeak()
