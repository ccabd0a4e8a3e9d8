"""People's voices, made on the spot: piper and espeak as the product has them, flite where it is there; and noises."""

import io
import shutil
import subprocess
import wave
from functools import cache

import numpy as np
import soxr
from rapidfuzz import fuzz

from services.asr.text import plain_words
from services.tts.catalog import Catalog, load
from services.tts.settings import TtsSettings
from services.tts.text.lines import lines_of
from tests.microphone import RATE, Sound

FLITE = ("flite-slt", "flite-rms")
VOICES = ("joe", "espeak-en-us", "espeak-en-gb-scotland", *(FLITE if shutil.which("flite") else ()))

SPEECH_RMS = 0.05
"""How loud a voice is made: -26 dB, as a microphone with automatic gain has it."""


@cache
def say(text: str, voice: str = "joe") -> Sound:
    """From the first audible sample to the last, so that its length is the time of the voice."""
    sound = _flite(text, voice.removeprefix("flite-")) if voice.startswith("flite-") else _ours(text, voice)
    audible = np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())
    sound = sound[audible[0] : audible[-1] + 1]
    voiced = sound[np.abs(sound) > 0.05 * np.abs(sound).max()]
    return np.asarray(sound * SPEECH_RMS / np.sqrt(np.mean(np.square(voiced))), np.float32)


def understood(heard: str, said: str) -> bool:
    """Whether a transcript is of this: a neural voice never says it twice alike, and a word may be misheard."""
    return bool(fuzz.ratio(" ".join(plain_words(heard)), " ".join(plain_words(said))) > 70)


def with_pause(first: str, second: str, pause_ms: int, voice: str = "joe") -> Sound:
    """Two parts of a sentence with silence between."""
    return np.concatenate([say(first, voice), silence(pause_ms), say(second, voice)])


def silence(ms: int) -> Sound:
    return np.zeros(RATE * ms // 1000, np.float32)


def noise(seconds: float, snr_db: float, seed: int = 0) -> Sound:
    """A fan: pink noise, so much softer than a voice."""
    white = np.random.default_rng(seed).normal(size=int(RATE * seconds))
    spectrum = np.fft.rfft(white) / np.sqrt(np.maximum(np.arange(len(white) // 2 + 1), 20 * seconds))
    pink = np.fft.irfft(spectrum, len(white))
    return np.asarray(pink / pink.std() * SPEECH_RMS * 10 ** (-snr_db / 20), np.float32)


def click() -> Sound:
    """A door, a key: two milliseconds at full scale, and its ringing."""
    t = np.arange(RATE // 20) / RATE
    return np.asarray(0.9 * np.exp(-t * 300) * np.sign(np.sin(2 * np.pi * 900 * t)), np.float32)


def cough(seed: int = 0) -> Sound:
    """Two bursts of breath through an open throat."""
    dice = np.random.default_rng(seed)
    bursts = []
    for length_s, loud in ((0.18, 0.5), (0.05, 0.0), (0.22, 0.35)):
        t = np.arange(int(RATE * length_s)) / RATE
        breath = np.convolve(dice.normal(size=len(t)), np.ones(5) / 5, "same")
        throat = 1 + 0.6 * np.sin(2 * np.pi * (240 - 300 * t) * t)
        bursts.append(loud * breath * throat * np.exp(-t * 14) * np.minimum(1, t * 200))
    return np.asarray(np.clip(np.concatenate(bursts), -1, 1), np.float32)


@cache
def _catalog() -> Catalog:
    return load(TtsSettings())


def _ours(text: str, name: str) -> Sound:
    catalog = _catalog()
    voice = catalog.voices[name]
    parts = [
        part.pcm for line in lines_of(text, voice, catalog.voice_for) for part in catalog.engine(voice).speak(line)
    ]
    return _at_rate(np.concatenate(parts), voice.sample_rate)


def _flite(text: str, name: str) -> Sound:
    spoken = subprocess.run(
        ["flite", "-voice", name, "-t", text, "-o", "/dev/stdout"], capture_output=True, check=True
    ).stdout
    with wave.open(io.BytesIO(spoken)) as file:
        return _at_rate(np.frombuffer(file.readframes(file.getnframes()), "<i2"), file.getframerate())


def _at_rate(pcm: "np.ndarray[tuple[int], np.dtype[np.int16]]", rate: int) -> Sound:
    return np.asarray(soxr.resample(pcm.astype(np.float32) / 32768, rate, RATE), np.float32)
