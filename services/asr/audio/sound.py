"""Sound as this service handles it: mono samples at 16 kHz."""

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""Samples a second of all sound in this service."""

Sound = NDArray[np.float32]
"""Mono samples at `RATE`, shape (samples,), full scale 1."""


def loudness_db(sound: Sound) -> float:
    """RMS level in dB, full scale 0; -120 for digital silence and for no sound at all."""
    power = float(np.mean(np.square(sound))) if len(sound) else 0.0
    return 10 * float(np.log10(power)) if power > 1e-12 else -120.0
