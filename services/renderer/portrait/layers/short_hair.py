"""A short cut swept up and aside: roots on the skull, a direction for every lock, combed into a shape."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from services.renderer.portrait.layers.strands import Strands
from services.renderer.portrait.paint.curves import Field, smoothstep, through, unit

_HAIRLINE = (
    (-89, 214), (-86.5, 196), (-83, 176), (-79.5, 158), (-75, 142), (-66, 128), (-55, 121), (-38, 115), (-18, 112),
    (2, 112.5), (22, 112), (40, 115), (56, 121), (67, 129), (75, 143), (80, 160), (83.5, 178), (87, 198), (89, 214),
)  # fmt: skip
"""Where hair begins, from the viewer's left ear over the forehead to the right."""

_CROWN = (
    (-94, 208), (-96, 188), (-96, 164), (-92, 136), (-83, 106), (-66, 83), (-42, 68), (-12, 61), (16, 60), (44, 67),
    (67, 82), (84, 106), (92, 136), (96, 164), (96, 188), (94, 208),
)  # fmt: skip
"""The skull's edge against the background."""

_SKULL = np.array([0.0, 158.0, 0.0])
_RADII = np.array([97.0, 99.0, 100.0])
_POINTS = 16
_PART = 0.66
"""Where along the hairline it parts: hair left of it goes left and up, right of it to the right."""


def short_hair() -> list[Strands]:
    """Groups of strands from the ones below to the ones on top."""
    rng = np.random.default_rng(5)
    return [
        _grow(rng, 3600, 900, (0.0, 0.29), (0.0, 1.0), _sides, spread=0.01, brightness=0.85, width=(1, 2)),
        _grow(rng, 3600, 900, (0.73, 1.0), (0.0, 1.0), _sides, spread=0.01, brightness=0.85, width=(1, 2)),
        _grow(rng, 3200, 160, (0.22, 0.80), (0.10, 1.0), _top, spread=0.03, brightness=0.7, width=(2, 3)),
        _grow(rng, 10500, 120, (0.20, 0.81), (0.0, 1.0), _top, spread=0.026, width=(1, 2)),
        _grow(rng, 1500, 1500, (0.20, 0.81), (-0.05, 0.13), _baby, spread=0.004, width=(1, 1), ordered=False),
        _grow(rng, 900, 900, (0.02, 0.22), (-0.06, 0.08), _temple, spread=0.004, width=(1, 1), ordered=False),
        _grow(rng, 900, 900, (0.79, 0.98), (-0.06, 0.08), _temple, spread=0.004, width=(1, 1), ordered=False),
    ]


def _scalp(along: Field, up: Field) -> Field:
    """Roots: `along` 0..1 the hairline, `up` 0 (hairline) .. 1 (the skull's edge)."""
    i = np.clip(along * 199, 0, 199).astype(int)
    low, high = through(_HAIRLINE, 200)[i], through(_CROWN, 200)[i]
    xy = low * (1 - up[:, None]) + high * up[:, None]
    q = (xy - _SKULL[:2]) / _RADII[:2]
    z = _RADII[2] * np.sqrt(np.clip(1 - (q**2).sum(1), 0.0, 1))
    return np.column_stack([xy, z])


Ways = tuple[Field, Field, Field]
"""First direction, last direction, length: one per lock."""


def _top(along: Field, up: Field, rng: np.random.Generator) -> Ways:
    """Up from the hairline, over to the side, back: long in front, shorter behind."""
    left = along < _PART
    k = np.where(left, (_PART - along) / _PART, (along - _PART) / (1 - _PART))
    sign = np.where(left, -1.0, 1.0)
    side = smoothstep(0.42, 0.80, k)
    lean = np.where(left, 0.30 + 0.35 * k, 0.30 + 0.35 * k)
    first = np.column_stack([sign * lean, -0.95 * (1 - side) + 0.10 * side, 0.55 - 0.5 * up])
    last = np.column_stack([sign * (0.95 - 0.55 * side), -0.10 * (1 - side) + 0.75 * side, -0.75 + 0 * up])
    length = (58 - 34 * side) * (1 - 0.30 * up) * np.where(left, 1.0, 0.62)
    return first, last, length


def _sides(along: Field, up: Field, rng: np.random.Generator) -> Ways:
    sign = np.where(along < 0.5, -1.0, 1.0)
    first = np.column_stack([sign * 0.45, 0.75 + 0 * up, 0.10 + 0 * up])
    last = np.column_stack([sign * 0.15, 1.0 + 0 * up, -0.35 + 0 * up])
    return first, last, 8.0 - 2.0 * up


def _baby(along: Field, up: Field, rng: np.random.Generator) -> Ways:
    """Fine hairs before the hairline."""
    first, last, length = _top(along, np.clip(up, 0, 1), rng)
    return (
        first + rng.normal(0, 0.28, first.shape),
        last + rng.normal(0, 0.3, last.shape),
        length * rng.uniform(0.2, 0.6, len(along)),
    )


def _temple(along: Field, up: Field, rng: np.random.Generator) -> Ways:
    first, last, length = _sides(along, np.clip(up, 0, 1), rng)
    return (
        first + rng.normal(0, 0.25, first.shape),
        last + rng.normal(0, 0.2, last.shape),
        length * rng.uniform(0.4, 0.8, len(along)),
    )


def _grow(
    rng: np.random.Generator,
    count: int,
    locks: int,
    along: tuple[float, float],
    up: tuple[float, float],
    ways: Callable[[Field, Field, np.random.Generator], Ways],
    *,
    spread: float,
    brightness: float = 1.0,
    width: tuple[int, int],
    ordered: bool = True,
) -> Strands:
    """Strands in locks with roots in a part of the scalp; those further back are drawn first."""
    lock_along, lock_up = rng.uniform(*along, locks), rng.uniform(*up, locks)
    order = np.argsort(-(lock_up + rng.normal(0, 0.05, locks)) if ordered else rng.random(locks))
    lock_along, lock_up = lock_along[order], lock_up[order]
    lock = np.sort(rng.integers(0, locks, count)).astype(np.int64)
    across = np.clip(rng.normal(0, 0.5, count), -1.2, 1.2)
    root_along = np.clip(lock_along[lock] + across * spread, 0, 1)
    root_up = np.clip(lock_up[lock] + rng.normal(0, 0.03, count), *up)
    share = 0.03 + 0.97 * smoothstep(211, 176, _scalp(root_along, root_up)[:, 1])  # fewer down the sideburns
    if ordered:
        share = share * (0.10 + 0.90 * smoothstep(0.0, 0.11, root_up))  # and at the hairline
    kept = rng.random(count) < share
    lock, across, root_along, root_up = lock[kept], across[kept], root_along[kept], root_up[kept]
    count = len(lock)
    roots, centres = _scalp(root_along, root_up), _scalp(lock_along, lock_up)
    first, last, length = ways(lock_along, lock_up, rng)
    length = length * rng.uniform(0.80, 1.18, locks)
    wild = rng.normal(0, 0.06, (locks, 3))
    first, last = unit(first + wild)[lock], unit(last + 1.6 * wild)[lock]
    first, last = first + rng.normal(0, 0.06, (count, 3)), last + rng.normal(0, 0.09, (count, 3))
    reach = (length[lock] * rng.uniform(0.82, 1.10, count))[:, None, None]
    t = np.linspace(0, 1, _POINTS)[None, :, None]
    gathered = 0.55 * t**1.4
    points = roots[:, None] * (1 - gathered) + centres[lock][:, None] * gathered
    points = points + reach * (first[:, None] * (t - t**2 / 2) + last[:, None] * t**2 / 2)
    points = _combed(points, rng, locks, lock)
    normal = unit((points - _SKULL) / _RADII**2)
    tilted = unit(normal + across[:, None, None] * 0.5 * np.array([0.7, 0.5, 0.0]))
    rim = 0.15 + 0.85 * smoothstep(0.55, 1.0, root_up) if ordered else np.zeros(count)
    return Strands(
        points=points,
        normals=tilted,
        lock=lock,
        across=across,
        rim=rim,
        until=rng.uniform(0.72, 1.02, count),
        width=rng.integers(width[0], width[1] + 1, count).astype(float),
        brightness=brightness,
    )


def _combed(points: Field, rng: np.random.Generator, locks: int, lock: NDArray[np.int64]) -> Field:
    """No strand enters the skull or leaves the shell of the cut, which is higher on top."""
    q = points - _SKULL
    radius = np.sqrt((q[..., 0] / 100) ** 2 + (q[..., 1] / 103) ** 2)
    ragged = 1 + rng.normal(0, 0.010, len(points)) + rng.normal(0, 0.016, locks)[lock]
    shell = 1.13 + 0.045 * np.exp(-(((points[..., 0] + 14) / 44) ** 2)) - 0.155 * smoothstep(88, 160, points[..., 1])
    soft = shell * ragged[:, None] - 0.10
    held = np.where(radius > soft, soft + 0.10 * np.tanh((radius - soft) / 0.10), radius)
    q[..., :2] *= (held / np.maximum(radius, 1e-3))[..., None]
    return np.asarray(q + _SKULL)
