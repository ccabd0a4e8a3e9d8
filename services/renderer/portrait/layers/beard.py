"""A short beard: a soft shadow of roots under many fine hairs that grow the way they do."""

import cv2
import numpy as np

from services.renderer.portrait.paint.curves import Field, bump, smoothstep, spline
from services.renderer.portrait.paint.raster import HEAD_BOX, SCALE, SIZE, blur, noise
from services.renderer.portrait.person.identity import Identity

_HAIRS = 44_000
_FINER = 2  # the hairs are drawn at this multiple of the baked resolution


def beard_cover(who: Identity, x: Field, y: Field) -> tuple[Field, Field]:
    """-> how much of each pixel hairs cover, and the soft density of their roots; both 0..1."""
    rng = np.random.default_rng(12)
    density = _density(who, x, y, rng)
    high = np.zeros((x.shape[0] * _FINER, x.shape[1] * _FINER), np.uint8)
    left, top = HEAD_BOX[0] - SIZE / 2, HEAD_BOX[1]
    scale = SCALE * _FINER
    xs, ys = rng.uniform(-94, 94, _HAIRS), rng.uniform(182, who.face.outline[0][-1], _HAIRS)
    rows, columns = ((ys - top) * SCALE).astype(int), ((xs - left) * SCALE).astype(int)
    kept = rng.uniform(0, 1, _HAIRS) < density[rows, columns] * 0.62
    xs, ys = xs[kept], ys[kept]
    moustache = (ys < who.lips.y - 2) & (np.abs(xs) < 36)
    swirl = 0.35 * np.sin(xs * 0.11 + ys * 0.07)
    across = np.where(moustache, np.copysign(0.75, xs), -xs * 0.007 * (ys - 240) / 60)
    angles = np.arctan2(1.0, across) + swirl + rng.normal(0, 0.24, len(xs))
    lengths = rng.uniform(1.1, 3.0, len(xs)) * np.where(ys < 262, 0.75, 1.0)
    shades = (255 * rng.uniform(0.30, 0.95, len(xs))).astype(int)
    ends = np.stack([xs + lengths * np.cos(angles), ys + lengths * np.sin(angles)], 1)
    starts = np.stack([xs, ys], 1)
    origin = np.array([left, top])
    a, b = (((p - origin) * scale * 16).astype(int).tolist() for p in (starts, ends))
    for start, end, value in zip(a, b, shades.tolist(), strict=True):
        cv2.line(high, start, end, value, 1, cv2.LINE_AA, 4)
    cover = cv2.resize(high, x.shape[1::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.clip(cover * 1.35, 0, 1), blur(density.astype(np.float32), 2.5)


def _density(who: Identity, x: Field, y: Field, rng: np.random.Generator) -> Field:
    """Where hair grows: none on the lips, thin at the mouth's corners and cheeks, full along the jaw."""
    face, mouth, wing = who.face, who.lips.y, who.nose.wing.y
    side = np.abs(x)
    half = np.maximum(spline(*face.outline, y[:, 0])[:, None], 1)
    border = (
        (0, 10, 24, 38, 50, 66, 80, 96),
        (wing + 12, wing + 12, mouth - 17, mouth - 7, mouth - 5, mouth - 24, mouth - 62, mouth - 106),
    )
    top = spline(*border, side[0])[None, :] + 4 * noise(rng, x.shape, 5)
    grown = smoothstep(-5, 14, y - top)
    corners = np.clip(1 - 0.7 * np.exp(-(((side - 38) / 9) ** 2) - ((y - mouth - 2) / 9) ** 2), 0, 1)
    lips = smoothstep(0.80, 1.30, np.sqrt((side / (who.lips.half_width + 2)) ** 2 + ((y - mouth - 1.5) / 11.5) ** 2))
    soul = 1 - 0.7 * np.exp(-(((side - 16) / 7) ** 2) - ((y - mouth - 15) / 4.5) ** 2)
    philtrum = 1 - 0.5 * np.exp(-((x / 2.6) ** 2)) * smoothstep(mouth - 8, mouth - 14, y)
    full = (
        0.60
        + 0.40 * smoothstep(0.58, 0.90, side / half)
        + 0.28 * np.exp(-((x / 30) ** 2)) * smoothstep(mouth + 2, mouth + 18, y)
    )
    cheek = 1 - 0.25 * bump(side, y, 52, mouth + 4, 13, 22)
    patchy = np.clip(1 + 0.16 * noise(rng, x.shape, 4), 0.4, 1.3)
    density = grown * corners * lips * soul * philtrum * full * cheek * patchy
    burns = (
        smoothstep(74, 90, side) * smoothstep(mouth - 124, mouth - 104, y) * (1 - smoothstep(mouth - 78, mouth - 46, y))
    )
    return np.asarray(np.clip(np.maximum(density, 0.95 * burns), 0, 1) * smoothstep(0.2, 2.2, half - side))
