"""Watches chained windows for drift: each is made from the last pictures of the one before, and what is lost stays
lost."""

import cv2
import numpy as np
from numpy.typing import NDArray

from services.renderer.engine import Frame

SHARPNESS = 0.6
"""Share of the first window's sharpness (variance of the Laplacian) below which a picture has gone soft."""

COLOUR = 8.0
"""Levels of 255 by which colours may move on average, place by place. Pictures as a whole are matched to the portrait
anyway; this finds what moves within them."""

_PLACES = 16


class DriftGuard:
    """One chain of windows, from the reference image on."""

    def __init__(self) -> None:
        self._sharpness = 0.0
        self._colours: NDArray[np.float32] | None = None

    def restart(self) -> None:
        """The next picture begins a chain: what follows is compared with it."""
        self._colours = None

    def drifted(self, picture: Frame) -> bool:
        """Whether a window that ends with this picture is the last that another may carry on from."""
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        sharpness = float(cv2.Laplacian(grey, cv2.CV_32F).var())
        small = cv2.resize(picture, (_PLACES, _PLACES), interpolation=cv2.INTER_AREA)
        colours = cv2.cvtColor(small, cv2.COLOR_BGR2LAB)[..., 1:].astype(np.float32)
        if self._colours is None:
            self._sharpness, self._colours = sharpness, colours
            return False
        moved = float(np.abs(colours - self._colours).mean())
        return sharpness < SHARPNESS * self._sharpness or moved > COLOUR
