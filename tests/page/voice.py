"""A recording of something that a voice-activity meter must take for speech."""

import wave
from pathlib import Path

import numpy as np

RATE = 48_000
TALKS_S, PAUSES_S = 1.6, 1.9


def write_speech(path: Path) -> Path:
    """Writes a WAV that a browser may loop: a pause, then syllables of a gliding, vowel-like sound."""
    t = np.arange(int(RATE * TALKS_S)) / RATE
    phase = 2 * np.pi * np.cumsum(130 + 25 * np.sin(2 * np.pi * 1.3 * t)) / RATE
    # Harmonics under two formants that move, as those of a diphthong do.
    first, second = 550 + 150 * np.sin(2 * np.pi * 2.1 * t), 1500 + 400 * np.sin(2 * np.pi * 1.7 * t)
    voice = np.zeros_like(t)
    for k in range(1, 24):
        pitch = 130 * k
        gain = np.exp(-(((pitch - first) / 180) ** 2)) + 0.5 * np.exp(-(((pitch - second) / 250) ** 2)) + 0.03
        voice += gain * np.sin(k * phase)
    syllables = np.clip(1.4 * np.abs(np.sin(2 * np.pi * 2.2 * t)), 0.15, 1)
    spoken = voice * syllables / np.abs(voice).max() * 0.6
    rng = np.random.default_rng(1)
    whole = np.concatenate([np.zeros(int(RATE * PAUSES_S)), spoken]) + rng.normal(
        0, 1e-4, int(RATE * PAUSES_S) + len(t)
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((whole * 32767).clip(-32768, 32767).astype("<i2").tobytes())
    return path
