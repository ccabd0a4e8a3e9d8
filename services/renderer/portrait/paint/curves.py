"""Curves and falloffs that shapes are made of."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Field = NDArray[Any]
"""Floating-point values over an image or a curve."""


def spline(xs: Sequence[float], ys: Sequence[float], at: ArrayLike) -> Field:
    """Monotone cubic through (xs, ys), constant outside: it never overshoots its points (Fritsch and Butland, 1984)."""
    x, y, q = np.asarray(xs, float), np.asarray(ys, float), np.asarray(at)
    h = np.diff(x)
    d = np.diff(y) / h
    slope = np.zeros_like(y)
    slope[0], slope[-1] = d[0], d[-1]
    for i in range(1, len(x) - 1):
        if d[i - 1] * d[i] > 0:
            left, right = 2 * h[i] + h[i - 1], h[i] + 2 * h[i - 1]
            slope[i] = 3 * (h[i] + h[i - 1]) / (left / d[i - 1] + right / d[i])
    k = np.clip(np.searchsorted(x, q) - 1, 0, len(x) - 2)
    t = np.clip((q - x[k]) / h[k], 0, 1)
    s = t * t * (3 - 2 * t)
    rise = (t**3 - 2 * t**2 + t) * slope[k] + (t**3 - t**2) * slope[k + 1]
    return np.asarray(y[k] * (1 - s) + y[k + 1] * s + h[k] * rise)


def through(points: ArrayLike, n: int) -> Field:
    """(k, d) control points -> n points of the Catmull-Rom curve through them."""
    p = np.asarray(points, float)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, len(p) - 3 - 1e-6, n)
    i = t.astype(int)
    f = (t - i)[:, None]
    a, b, c, d = p[i], p[i + 1], p[i + 2], p[i + 3]
    cubed = (3 * b - a - 3 * c + d) * f**3
    return np.asarray(0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + cubed))


def smoothstep(a: float, b: float, x: Any) -> Any:
    """0 at a, 1 at b, flat at both ends."""
    t = np.clip((x - a) / (b - a), 0, 1)
    return t * t * (3 - 2 * t)


def bump(x: Field, y: Field, cx: float, cy: float, sx: float, sy: float, turn: float = 0.0) -> Field:
    """Gaussian of height 1 at (cx, cy), turned by `turn` radians."""
    dx, dy = x - cx, y - cy
    if turn:
        c, s = math.cos(turn), math.sin(turn)
        dx, dy = dx * c + dy * s, dy * c - dx * s
    return np.asarray(np.exp(-0.5 * ((dx / sx) ** 2 + (dy / sy) ** 2)))


def unit(rows: Field) -> Field:
    """Vectors of length 1 along the last axis."""
    return np.asarray(rows / (np.linalg.norm(rows, axis=-1, keepdims=True) + 1e-6))
