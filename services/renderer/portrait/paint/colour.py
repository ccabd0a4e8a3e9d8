"""Colour: sRGB and linear light, and the film curve between what is lit and what is shown."""

from collections.abc import Sequence

import numpy as np

from services.renderer.portrait.paint.curves import Field

Rgb = tuple[float, float, float]
"""sRGB 0..255 for paint, linear radiance for light."""


def linear(srgb: Sequence[float]) -> Field:
    """sRGB 0..255 -> linear 0..1."""
    c = np.asarray(srgb, np.float32) / 255
    return np.asarray(np.where(c < 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4), np.float32)


_STEPS, _TOP = 8192, 4.0


def _film_exact(x: Field) -> Field:
    y = np.clip((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14), 0, 1)
    return np.asarray(np.where(y < 0.0031308, y * 12.92, 1.055 * y ** (1 / 2.4) - 0.055), np.float32)


_TABLE = _film_exact((np.linspace(0, 1, _STEPS) ** 2 * _TOP).astype(np.float32))


def film(radiance: Field) -> Field:
    """Linear radiance -> shown 0..1 (sRGB): Narkowicz' fit of the ACES curve, read from a table."""
    index = np.sqrt(np.clip(radiance, 0, _TOP) * (1 / _TOP)) * (_STEPS - 1) + 0.5
    return _TABLE[np.asarray(index).astype(np.int32)]
