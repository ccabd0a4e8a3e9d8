"""How far a mouth is open, seen in a picture: the dark behind the lips is counted, nothing of the engine is asked."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MOUTH_BOX = (212, 279, 300, 329)
"""x0, y0, x1, y1 of 512×512: the default face's mouth with the head's motion as margin; nostrils and beard stay out."""

_DARK, _NOT_DARK = 42, 62
_FULLY_OPEN_PX = 500


def mouth_openness(frame_bgr: NDArray[Any]) -> float:
    """0 closed .. about 1 wide open, of a 512×512 BGR (or grey) picture, also one that went through a video codec."""
    x0, y0, x1, y1 = MOUTH_BOX
    box = frame_bgr[y0:y1, x0:x1].astype(np.float32)
    brightest = box.max(2) if box.ndim == 3 else box
    brightest[1:-1] = (brightest[:-2] + brightest[1:-1] + brightest[2:]) / 3  # closed lips are a line, not an opening
    x, y = np.meshgrid(np.linspace(-1, 1, x1 - x0), np.linspace(-1, 1, y1 - y0))
    dark = np.clip((_NOT_DARK - brightest) / (_NOT_DARK - _DARK), 0, 1)
    return float((dark * (x * x + y * y < 1)).sum() / _FULLY_OPEN_PX)
