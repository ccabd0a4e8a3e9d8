"""Small pictures that move by themselves: a brow, an iris."""

from itertools import pairwise

import cv2
import numpy as np

from services.renderer.portrait.paint.colour import film, linear
from services.renderer.portrait.paint.curves import Field, smoothstep, spline
from services.renderer.portrait.person.identity import Identity

BROW_FIELD = (76, 36)
BROW_ORIGIN = (36, 22)
"""The brow's picture in frame px, and where in it its anchor lies; its outer end points to +x."""

_BROW_FINE = 4


def paint_brow(who: Identity) -> Field:
    """-> premultiplied BGRA float, 1.25 px per frame px: fine hairs over a soft shadow, sparse at the inner end."""
    k, brow, rng = _BROW_FINE, who.brow, np.random.default_rng(9)
    width, height = BROW_FIELD
    origin = np.array(BROW_ORIGIN)
    hairs = np.zeros((height * k, width * k, 4), np.uint8)
    soft = np.zeros((height * k, width * k), np.uint8)
    colour = film(linear(who.palette.brow)) * 255
    xs = np.linspace(-25, 31, 200)
    spine, half = spline(*brow.spine, xs), spline(*brow.thickness, xs)
    edge = np.concatenate([np.stack([xs, spine - half * 0.7], 1), np.stack([xs, spine + half * 0.7], 1)[::-1]])
    cv2.fillPoly(soft, [((edge + origin) * k).astype(np.int32)], (255,), cv2.LINE_AA)
    shadow = cv2.GaussianBlur(soft, (0, 0), 1.5 * k).astype(np.float32) / 255 * brow.softness
    for _ in range(brow.hairs):
        f, v = rng.beta(1.1, 1.15), rng.uniform(-1, 1)
        j = int(f * 199)
        length = rng.uniform(*brow.length) * (1 - 0.35 * f) * (0.5 + 0.5 * min(1.0, f / 0.22))
        lie = np.interp(f, [0, 0.15, 0.5, 1], [-1.05, -0.62, -0.24, 0.42])
        angle = lie + 0.30 * v * (1 if f > 0.15 else 0.4) + rng.normal(0, 0.09)
        t = np.linspace(0, 1, 5)
        px = xs[j] + rng.normal(0, 0.5) + length * t * np.cos(angle + t * 0.35)
        py = spine[j] + v * half[j] * 0.95 + length * t * np.sin(angle + t * 0.35)
        points = ((np.stack([px, py], 1) + origin) * k * 16).astype(np.int32).tolist()
        red, green, blue = np.minimum(colour * rng.uniform(0.75, 1.35), 255).tolist()
        for a, b in pairwise(points):
            cv2.line(hairs, a, b, (blue, green, red, 255), 1, cv2.LINE_AA, 4)
    drawn = hairs.astype(np.float32) / 255 * 0.92
    along = np.arange(width * k) / k - origin[0]
    fade = smoothstep(-29, -10, along)[None, :] * (1 - 0.25 * smoothstep(18, 31, along)[None, :])
    drawn *= (0.45 + 0.55 * fade)[..., None]
    under = (shadow * (0.15 + 0.85 * fade) * (1 - drawn[..., 3]))[..., None]
    out = drawn + under * np.append(colour[::-1] / 255, 1.0).astype(np.float32)
    return _smaller(out, 1.25 / k)


def paint_iris(who: Identity) -> Field:
    """-> premultiplied BGRA float, 36×36: fibres, collarette, limbal ring, light gathered away from the key."""
    radius = 48
    side = 2 * radius + 8
    x, y = np.meshgrid(np.arange(side) - side / 2 + 0.5, np.arange(side) - side / 2 + 0.5)
    r, angle = np.hypot(x, y) / radius, np.arctan2(y, x)
    rng = np.random.default_rng(4)
    fibres = np.zeros_like(r)
    for _ in range(70):
        wave = angle * rng.integers(9, 60) + rng.uniform(0, 2 * np.pi) + 3 * r * rng.normal()
        fibres += np.sin(wave) * rng.uniform(0.3, 1)
    fibres /= np.sqrt(70)
    outer, inner = linear(who.palette.iris), linear(who.palette.iris_inner)
    collar = np.exp(-(((r - 0.50) / 0.13) ** 2)) * (1 + 0.5 * fibres)
    colour = outer * (1 + 0.6 * fibres[..., None]) + inner * collar[..., None] * 0.8
    gathered = smoothstep(-0.3, 1.0, (y * 0.85 + x * 0.5) / radius) * smoothstep(0.35, 0.6, r)
    limbus = 1 - 0.90 * smoothstep(0.76, 0.98, r)
    colour = colour * (0.55 + 1.7 * gathered[..., None]) * limbus[..., None]
    pupil = smoothstep(0.37, 0.44, r)
    lid_shade = 0.42 + 0.58 * smoothstep(-0.9, 0.35, y / radius)
    colour = colour * (pupil[..., None] + 0.004) * lid_shade[..., None]
    alpha = 1 - smoothstep(0.88, 1.05, r)
    picture = np.dstack([film(colour * 1.6)[..., ::-1] * alpha[..., None], alpha]).astype(np.float32)
    return _smaller(picture, 0.35)


def _smaller(picture: Field, factor: float) -> Field:
    """Close to the size that it is shown at: finer detail would flicker."""
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))
