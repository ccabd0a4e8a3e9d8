"""Levels and edges of sound."""

import numpy as np
from numpy.typing import NDArray

from services.tts.engine import Pcm

Sound = NDArray[np.float32]
"""Mono samples in [-1, 1]."""

LEAD_S = 0.02
"""Silence kept before the first sound: enough for lips to close, too short to be waited for."""

_QUIET = 0.006  # -44 dBFS: the neural voice's own noise lies at -95, a soft first consonant at -40
_KNEE = 0.75
_ROOM = 0.22  # the loudest sound stays below knee + room
_FADE = 220  # samples; 10 ms


def level(sound: Sound, gain: float) -> Sound:
    """Amplify; what would be too loud is bent softly instead of clipped. Sample by sample, so it has no seams."""
    loud = sound * np.float32(gain)
    over = np.abs(loud) - _KNEE
    bent = np.sign(loud) * (_KNEE + _ROOM * np.tanh(over / _ROOM))
    return np.where(over > 0, bent, loud).astype(np.float32)


def onset(sound: Sound) -> int:
    """The index of the first sample that can be heard; the sound's length where it is silent."""
    heard = np.flatnonzero(np.abs(sound) > _QUIET)
    return int(heard[0]) if len(heard) else len(sound)


def samples(sound: Sound) -> Pcm:
    """As 16-bit samples."""
    return np.round(sound * 32767).astype(np.int16)


def settle(sound: Sound, spoken: int, length: int) -> Pcm:
    """Exactly `length` samples: filled up with silence, or cut, with a short fade that does not reach into what is said
    (up to `spoken`)."""
    whole = np.zeros(length, np.float32)
    kept = min(len(sound), length)
    whole[:kept] = sound[:kept]
    fade = min(_FADE, max(length - spoken, 0), kept)
    if fade and len(sound) > length:
        whole[kept - fade : kept] *= np.linspace(1, 0, fade, dtype=np.float32)
    return samples(whole)
