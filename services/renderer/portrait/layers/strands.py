"""Hair: strands lit as fibres, shadowing each other, drawn one by one from back to front."""

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from services.renderer.portrait.paint.colour import film, linear
from services.renderer.portrait.paint.curves import Field, smoothstep, unit
from services.renderer.portrait.paint.light import FILL, HALFWAY, KEY, RIM, RIM_LEFT, Light
from services.renderer.portrait.paint.raster import SIZE
from services.renderer.portrait.person.identity import Identity

FINE = 4
"""Pixels of the hair's canvas for a pixel of the frame."""

_CELL = 5.0  # px of the grid that hair shadows itself through
_GRID_FROM = np.array([-140.0, 20.0, -60.0])
_GRID_CELLS = (56, 84, 38)


@dataclass(frozen=True)
class Strands:
    """n strands of m points, drawn in their order.

    points (n, m, 3): x from the middle line, y, height. normals (n, m, 3): of the surface that they lie on. lock (n,):
    which lock each belongs to. across (n,): where in the lock, about -1..1. rim (n,): how much light from behind
    reaches it. until (n,): the part of its length that is drawn. width: px of the canvas at the root.
    """

    points: Field
    normals: Field
    lock: NDArray[np.int64]
    across: Field
    rim: Field
    until: Field
    width: Field
    brightness: float = 1.0


def canvas() -> NDArray[np.uint8]:
    """An empty premultiplied BGRA picture of the whole frame."""
    return np.zeros((SIZE * FINE, SIZE * FINE, 4), np.uint8)


class Volume:
    """How much hair lies between a point and the key light, and around it."""

    def __init__(self, groups: list[Strands]) -> None:
        density: Field = np.zeros(_GRID_CELLS, np.float32)
        for group in groups:
            middles = (group.points[:, 1:] + group.points[:, :-1]) / 2
            lengths = np.linalg.norm(np.diff(group.points, axis=1), axis=-1)
            i, j, k = (axis.astype(np.int64) for axis in self._place(middles))
            np.add.at(density, (i, j, k), lengths)
        density = self._smooth(self._smooth(density)) / 60.0
        step = KEY / np.abs(KEY).max()
        towards = np.zeros_like(density)
        for s in range(1, 15):
            towards += _moved(density, *(round(float(c) * s) for c in step))
        front = np.cumsum(density[:, :, ::-1], axis=2)[:, :, ::-1] - density
        self._light = self._smooth(0.12 + 0.88 * np.exp(-0.22 * towards))
        self._open = self._smooth(0.2 + 0.8 * np.exp(-0.13 * front - 0.06 * density))

    @staticmethod
    def _smooth(values: Field) -> Field:
        for axis in range(3):
            padded = np.pad(values, [(1, 1) if n == axis else (0, 0) for n in range(3)], "edge")
            before, after = (np.take(padded, range(k, k + values.shape[axis]), axis) for k in (0, 2))
            values = 0.25 * before + 0.5 * values + 0.25 * after
        return values

    @staticmethod
    def _place(points: Field) -> tuple[Field, Field, Field]:
        """Points in cells of the grid, kept inside it."""
        at = (points - _GRID_FROM) / _CELL
        i, j, k = (np.clip(at[..., axis], 0, _GRID_CELLS[axis] - 1.001) for axis in range(3))
        return i, j, k

    def at(self, points: Field) -> tuple[Field, Field]:
        """(key light that arrives, openness to the light around), 0..1, interpolated between cells."""
        place = [axis - 0.5 for axis in self._place(points)]
        low = [np.clip(axis.astype(np.int64), 0, _GRID_CELLS[n] - 2) for n, axis in enumerate(place)]
        part = [np.clip(axis - base, 0, 1) for axis, base in zip(place, low, strict=True)]
        light, openness = np.zeros(points.shape[:-1]), np.zeros(points.shape[:-1])
        for corner in product((0, 1), repeat=3):
            share = np.ones(points.shape[:-1])
            for n in range(3):
                share *= part[n] if corner[n] else 1 - part[n]
            cell = tuple(low[n] + corner[n] for n in range(3))
            light += share * self._light[cell]
            openness += share * self._open[cell]
        return light, openness


def _moved(a: Field, dx: int, dy: int, dz: int) -> Field:
    """a as seen from each cell looking by (dx, dy, dz); nothing outside."""
    out = np.zeros_like(a)
    source = tuple(slice(max(0, d), a.shape[n] + min(0, d)) for n, d in enumerate((dx, dy, dz)))
    target = tuple(slice(max(0, -d), a.shape[n] + min(0, -d)) for n, d in enumerate((dx, dy, dz)))
    out[target] = a[source]
    return out


def draw(picture: NDArray[np.uint8], strands: Strands, volume: Volume, who: Identity, light: Light, seed: int) -> None:
    """Light the strands and draw them onto the picture."""
    colours = (film(_lit(strands, volume, who, light, seed) * strands.brightness) * 255).astype(np.uint8)
    n, m = strands.points.shape[:2]
    xy = ((strands.points[..., :2] + np.array([SIZE / 2, 0])) * FINE * 16).astype(np.int32).tolist()
    last = np.clip((strands.until * m).astype(int), 2, m).tolist()
    bgr = colours[..., ::-1].astype(int).tolist()
    widths = strands.width.astype(int).tolist()
    for a in range(n):
        points, shades, end, width = xy[a], bgr[a], last[a], widths[a]
        for b in range(end - 1):
            blue, green, red = shades[b]
            thick = width if b < 0.7 * end else max(1, width - 1)
            cv2.line(picture, points[b], points[b + 1], (blue, green, red, 255), thick, cv2.LINE_AA, 4)


def _lit(strands: Strands, volume: Volume, who: Identity, light: Light, seed: int) -> Field:
    """(n, m, 3) linear radiance: Kajiya and Kay's fibres with a white and a coloured highlight, each strand its own."""
    rng = np.random.default_rng(seed)
    points, normal, lock = strands.points, strands.normals, strands.lock
    n, m = points.shape[:2]
    locks = int(lock.max()) + 1
    t = np.linspace(0, 1, m)[None]
    along = t[..., None]
    tangent = unit(np.gradient(points, axis=1))
    hair = who.hair
    reached, openness = volume.at(points)
    root = np.minimum(along * 8 + 0.45, 1)
    palette = who.palette
    tint = linear(palette.hair) * (1 - along**1.4) + linear(palette.hair_tip) * along**1.4
    albedo = linear(palette.hair_root) * (1 - root) + root * tint
    vary = 1 + hair.variation * rng.normal(0, 1, locks)[lock] + 0.17 * rng.normal(0, 1, n)
    albedo = albedo * np.clip(vary, 0.5, 1.7)[:, None, None]
    facing = normal @ KEY
    off_middle = np.clip(np.abs(strands.across), 0, 1.2)[:, None] ** 1.5
    inner = 1 - 0.40 * off_middle * np.minimum(t * 3, 1)
    around_fibre = np.sqrt(np.clip(1 - (tangent @ KEY) ** 2, 0, 1))
    diffuse = np.clip((facing + 0.3) / 1.3, 0, 1) * around_fibre * inner * reached
    tilt = tangent @ HALFWAY + rng.normal(0, 0.05, (n, 1)) + rng.normal(0, 0.035, (locks, 1))[lock]
    white = np.clip(1 - (tilt - 0.04) ** 2, 0, 1) ** 80
    coloured = np.clip(1 - (tilt + 0.13) ** 2, 0, 1) ** 20
    visible = np.clip(facing * 1.4 + 0.35, 0, 1) * inner * reached
    key = np.array(light.key)
    from_fill = (np.clip((normal @ FILL) * 0.6 + 0.4, 0, 1) ** 1.5)[..., None] * np.array(light.fill) * 3.0
    around = (np.array(light.ambient) * 1.6 + from_fill) * (inner * openness)[..., None]
    out = albedo * (diffuse[..., None] * key * 1.25 + around * 1.35)
    out += (visible * white)[..., None] * key * 0.10 * hair.gloss * np.array([1.0, 0.88, 0.72])
    out += (visible * coloured)[..., None] * albedo * key * 1.15 * hair.gloss
    behind = strands.rim[:, None] * smoothstep(0.15, 0.7, openness)
    right, left = np.clip(normal @ RIM, 0, 1) ** 2.2, np.clip(normal @ RIM_LEFT, 0, 1) ** 2
    out += (behind * right)[..., None] * np.array(light.rim) * (0.08 + 2.4 * albedo)
    out += (behind * left)[..., None] * np.array(light.rim_left) * (0.12 + 2.6 * albedo)
    return np.asarray(out, np.float32)
