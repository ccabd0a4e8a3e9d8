"""Supersampled images of float32 and what is done to them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from services.renderer.portrait.paint.curves import Field, through

cv2.setNumThreads(1)  # one core a face: sessions share the machine

SCALE = 2
"""Pixels of a baked image for a pixel of the frame."""

SIZE = 512
"""Side of the frame, px."""

HEAD_BOX = (128, 40, 384, 392)
"""Where the skin layer lies in the frame: x0, y0, x1, y1, multiples of 8."""

Pixels = NDArray[np.uint8]


def grid(box: tuple[int, int, int, int]) -> tuple[Field, Field]:
    """Centres of the supersampled pixels of a box: x from the frame's middle line, y from its top."""
    x0, y0, x1, y1 = box
    x = (np.arange((x1 - x0) * SCALE, dtype=np.float32) + 0.5) / SCALE + x0 - SIZE / 2
    y = (np.arange((y1 - y0) * SCALE, dtype=np.float32) + 0.5) / SCALE + y0
    gx, gy = np.meshgrid(x, y)
    return gx, gy


def blur(image: Field, sigma: float) -> Field:
    """Gaussian; sigma in frame px. Wide ones are taken at half or quarter size: nobody sees the difference."""
    if sigma <= 0:
        return image
    image = np.ascontiguousarray(image, np.float32)
    for factor in (8, 4, 2):
        if sigma * SCALE >= 4 * factor:
            small = cv2.resize(image, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
            small = cv2.GaussianBlur(small, (0, 0), sigma * SCALE / factor, borderType=cv2.BORDER_REPLICATE)
            return np.asarray(cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR))
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma * SCALE, borderType=cv2.BORDER_REPLICATE))


def shift(image: Field, dx: float, dy: float, stretch: float = 1.0) -> Field:
    """Moved by frame px, stretched in x about the middle line; what comes in from outside is 0."""
    middle = image.shape[1] / 2
    matrix = np.array([[stretch, 0, dx * SCALE - (stretch - 1) * middle], [0, 1, dy * SCALE]], np.float32)
    return np.asarray(cv2.warpAffine(image, matrix, image.shape[1::-1]))


def shrink(image: Field, factor: float) -> Field:
    """Resized by `factor` below 1, each pixel the mean of what it covers."""
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def to_bytes(image: Field) -> Pixels:
    """0..1 -> 0..255, contiguous."""
    return np.ascontiguousarray((np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8))


def noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> Field:
    """Smooth noise of mean 0 and deviation 1; sigma in frame px."""
    step = max(1, int(sigma * SCALE / 2))
    raw = rng.standard_normal((shape[0] // step + 4, shape[1] // step + 4), np.float32)
    small = cv2.GaussianBlur(raw, (0, 0), sigma * SCALE / step)
    full = cv2.resize(small, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)[: shape[0], : shape[1]]
    return np.asarray(full / full.std())


def groove(x: Field, y: Field, points: list[tuple[float, float]], sigma: float) -> Field:
    """1 along the curve through the points, fading to both ends, falling off with sigma px to the sides."""
    line = through(points, 48)
    reach = 4 * sigma
    near = (
        (x > line[:, 0].min() - reach)
        & (x < line[:, 0].max() + reach)
        & (y > line[:, 1].min() - reach)
        & (y < line[:, 1].max() + reach)
    )
    px, py = x[near], y[near]
    best = np.zeros_like(px)
    for k, (cx, cy) in enumerate(line):
        weight = np.sin(np.pi * (k + 0.5) / len(line)) ** 0.5
        np.maximum(best, weight * np.exp(-0.5 * ((px - cx) ** 2 + (py - cy) ** 2) / sigma**2), out=best)
    out = np.zeros_like(x)
    out[near] = best
    return out
