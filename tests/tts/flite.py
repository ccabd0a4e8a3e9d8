"""libflite through ctypes: recorded speakers with exact times for each sound and word. Nothing is trained on them."""

import ctypes as c
import ctypes.util
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from services.tts.engine import Line, Part, Phone, Voice
from services.tts.espeak.phones import spoken_text

_IPA = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "a ʊ", "ax": "ə", "axr": "ɚ", "ay": "a ɪ", "b": "b", "ch": "tʃ",
    "d": "d", "dh": "ð", "dx": "ɾ", "eh": "ɛ", "el": "l", "em": "m", "en": "n", "er": "ɚ", "ey": "e ɪ", "f": "f",
    "g": "ɡ", "hh": "h", "ih": "ɪ", "iy": "i", "jh": "dʒ", "k": "k", "l": "l", "m": "m", "n": "n", "ng": "ŋ",
    "ow": "o ʊ", "oy": "ɔ ɪ", "p": "p", "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t", "th": "θ", "uh": "ʊ", "uw": "u",
    "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ",
}  # fmt: skip
UNKNOWN = -1
"""The word of a sound in a line of which it cannot be told."""

_SPEAKERS = ("slt", "rms", "awb", "kal16")


class _Wave(c.Structure):
    _fields_ = (
        ("type", c.c_char_p),
        ("sample_rate", c.c_int),
        ("length", c.c_int),
        ("channels", c.c_int),
        ("samples", c.POINTER(c.c_short)),
    )


@cache
def _library() -> c.CDLL:
    try:
        flite = c.CDLL("libflite.so.1", mode=c.RTLD_GLOBAL)
        for name in ("cmulex", "usenglish"):
            c.CDLL(f"libflite_{name}.so.1", mode=c.RTLD_GLOBAL)
    except OSError as error:
        raise OSError(f"flite is not installed ({error}); on Debian: apt-get install libflite1") from error
    for function, result, arguments in (
        ("flite_synth_text", c.c_void_p, [c.c_char_p, c.c_void_p]),
        ("utt_relation", c.c_void_p, [c.c_void_p, c.c_char_p]),
        ("utt_wave", c.POINTER(_Wave), [c.c_void_p]),
        ("relation_head", c.c_void_p, [c.c_void_p]),
        ("item_next", c.c_void_p, [c.c_void_p]),
        ("path_to_item", c.c_void_p, [c.c_void_p, c.c_char_p]),
        ("item_feat_string", c.c_char_p, [c.c_void_p, c.c_char_p]),
        ("item_feat_float", c.c_float, [c.c_void_p, c.c_char_p]),
        ("delete_utterance", None, [c.c_void_p]),
    ):
        getattr(flite, function).restype, getattr(flite, function).argtypes = result, arguments
    flite.flite_init()
    return flite


@cache
def _registered(name: str) -> int:
    _library()
    voice = c.CDLL(f"libflite_cmu_us_{name}.so.1")
    register = getattr(voice, f"register_cmu_us_{name}")
    register.restype, register.argtypes = c.c_void_p, [c.c_void_p]
    return int(register(None))


class FliteEngine:
    """Raises OSError where the library is missing. Not for several threads."""

    name = "flite"

    def __init__(self) -> None:
        for name in _SPEAKERS:
            _registered(name)
        self.voices = tuple(
            Voice(f"flite-{n}", self.name, "en-us", "female" if n == "slt" else "male", 16000) for n in _SPEAKERS
        )

    def speak(self, line: Line) -> Iterator[Part]:
        said = spoken_text(line)
        flite = _library()
        utterance = flite.flite_synth_text(said.text.encode("ascii", "ignore"), _registered(line.voice.name[6:]))
        try:
            wave = flite.utt_wave(utterance).contents
            pcm = np.ctypeslib.as_array(wave.samples, (wave.length,)).copy()
            phones: list[Phone] = []
            words: list[int] = []
            start, item = 0, flite.relation_head(flite.utt_relation(utterance, b"Segment"))
            while item:
                end = round(flite.item_feat_float(item, b"end") * wave.sample_rate)
                sound = flite.item_feat_string(item, b"name").decode()
                if word := flite.path_to_item(item, b"R:SylStructure.parent.parent"):
                    if word not in words[-1:]:
                        words.append(word)
                    parts = _IPA[sound].split()
                    cuts = np.linspace(start, end, len(parts) + 1).round().astype(int).tolist()
                    phones += [
                        Phone(ipa, a, b, len(words) - 1) for ipa, a, b in zip(parts, cuts, cuts[1:], strict=False)
                    ]
                start, item = end, flite.item_next(item)
        finally:
            flite.delete_utterance(utterance)
        written = [word for _, _, word in said.spans]
        if len(words) != len(written):
            # flite says some written words as several, and does not tell which.
            written = [UNKNOWN] * len(words)
        yield Part(pcm, tuple(replace(phone, word=written[phone.word]) for phone in phones), True)
