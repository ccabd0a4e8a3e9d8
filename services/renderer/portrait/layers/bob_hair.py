"""A parted, shoulder-length bob: strands laid in locks over surfaces spanned by guide curves."""

import numpy as np

from services.renderer.portrait.layers.strands import Strands
from services.renderer.portrait.paint.curves import Field, smoothstep, through, unit

_POINTS = 40
_SHEETS = 33

Guide = list[tuple[float, float, float]]

# x from the middle line, y, height; from the parting to the tips, and from the face's side outwards
_LEFT: list[Guide] = [
    [(26, 99, 92), (6, 103, 99), (-30, 117, 99), (-65, 144, 88), (-90, 190, 70),
     (-95, 240, 54), (-90, 292, 46), (-80, 342, 44), (-66, 392, 42)],
    [(23, 83, 84), (-6, 78, 93), (-49, 94, 91), (-85, 132, 72), (-104, 190, 50),
     (-108, 248, 38), (-105, 303, 35), (-101, 358, 37), (-76, 408, 35)],
    [(18, 65, 62), (-15, 56, 70), (-62, 70, 64), (-100, 118, 44), (-119, 188, 24),
     (-121, 250, 14), (-118, 310, 12), (-115, 366, 14), (-86, 416, 14)],
    [(10, 53, 30), (-18, 43, 34), (-66, 55, 28), (-109, 106, 14), (-129, 182, 0),
     (-130, 250, -6), (-128, 312, -8), (-127, 368, -6), (-98, 418, -6)],
]  # fmt: skip
_RIGHT: list[Guide] = [
    [(26, 99, 92), (44, 103, 95), (66, 121, 87), (84, 155, 73), (93, 200, 57),
     (91, 250, 48), (84, 300, 42), (75, 346, 42), (62, 390, 40)],
    [(23, 83, 84), (47, 82, 86), (78, 103, 76), (99, 146, 54), (108, 200, 38),
     (107, 254, 30), (103, 306, 28), (99, 360, 28), (74, 406, 28)],
    [(18, 65, 62), (46, 61, 64), (83, 82, 56), (109, 133, 34), (119, 195, 18),
     (118, 254, 10), (114, 312, 8), (112, 366, 8), (84, 414, 8)],
    [(10, 53, 30), (40, 45, 32), (84, 63, 24), (116, 118, 8), (128, 190, -4),
     (129, 252, -8), (127, 314, -10), (124, 370, -8), (97, 418, -8)],
]  # fmt: skip
_FRINGE: list[Guide] = [
    [(26, 101, 96), (13, 107, 101), (-12, 123, 103), (-48, 150, 98), (-76, 188, 88), (-90, 226, 74), (-96, 262, 62)],
    [(25, 98, 95), (9, 103, 101), (-20, 119, 102), (-57, 145, 94), (-82, 188, 80), (-93, 230, 66), (-99, 268, 56)],
    [(24, 94, 92), (3, 97, 99), (-33, 112, 98), (-68, 141, 88), (-91, 190, 70), (-98, 234, 58), (-100, 276, 50)],
]
_BACK: list[Guide] = [
    [(x, 120, -30), (x * 1.1, 170, -33), (x * 1.25, 220, -36), (x * 1.33, 270, -38),
     (x * 1.35, 310, -40), (x * 1.32, 350, -40), (x * 1.2, 382, -40), (x * 1.1, 408 - abs(x) * 0.12, -40)]
    for x in (-86.0, -30.0, 30.0, 86.0)
]  # fmt: skip


def bob_back() -> list[Strands]:
    """What hangs behind the neck."""
    return [_lay(np.random.default_rng(6), _BACK, 2600, 90, 1, brightness=0.42, wave=3.0, width=(2, 3))]


def bob_front() -> list[Strands]:
    """What lies over and beside the face, from below to on top."""
    rng = np.random.default_rng(5)
    groups = [
        _lay(rng, guides, 2600, 26, side, brightness=0.5, spread=0.16, width=(3, 4))
        for guides, side in ((_RIGHT, 1), (_LEFT, -1))
    ]
    for guides, side, count, locks in ((_RIGHT, 1, 6400, 48), (_LEFT, -1, 7400, 54)):
        groups.append(_lay(rng, guides, count, locks, side, spread=0.045, width=(1, 2)))
    groups.append(_lay(rng, _FRINGE, 1300, 34, -1, wave=2.5, spread=0.16, until=(0.5, 1.0), rim=0.15, width=(1, 2)))
    for guides, side in ((_LEFT, -1), (_RIGHT, 1)):
        hairline = [[(x - side * o * 0.8, y + o, z) for x, y, z in guides[0][:5]] for o in (7.0, 4.0, 1.5, -1.5)]
        groups.append(
            _lay(rng, hairline, 170, 170, side, wave=1.5, spread=0.5, until=(0.05, 0.95), rim=0.0, width=(1, 1))
        )
        groups.append(
            _lay(rng, guides[:2], 300, 300, side, wave=5.0, spread=0.3, until=(0.6, 1.0), rim=0.1, width=(1, 1))
        )
        groups.append(_lay(rng, guides[1:], 260, 260, side, wave=9.0, until=(0.8, 1.05), width=(1, 1)))
    return groups


def _lay(
    rng: np.random.Generator,
    guides: list[Guide],
    count: int,
    locks: int,
    side: int,
    *,
    width: tuple[int, int],
    brightness: float = 1.0,
    wave: float = 6.0,
    spread: float = 0.05,
    until: tuple[float, float] = (0.80, 1.03),
    rim: float = 1.0,
) -> Strands:
    """`count` strands in locks over the surface of the guides, the outer ones first."""
    curves = np.stack([through(guide, _POINTS) for guide in guides])
    surface = np.stack([through(curves[:, j], _SHEETS) for j in range(_POINTS)], 1)
    t = np.linspace(0, 1, _POINTS)[None]
    lock = np.sort(rng.integers(0, locks, count)).astype(np.int64)
    place = np.sort(rng.uniform(0, 1, locks))[::-1][lock][:, None]
    across = np.clip(rng.normal(0, 0.5, count), -1.2, 1.2)
    gathered = 1 - 0.62 * t**2.2 + 0.25 * np.sin(np.pi * t)
    s = np.clip(place + across[:, None] * spread * gathered, 0, 1) * (_SHEETS - 1)
    i, j = np.minimum(s.astype(int), _SHEETS - 2), np.arange(_POINTS)[None]
    f = (s - i)[..., None]
    points = surface[i, j] * (1 - f) + surface[i + 1, j] * f
    phase, size = rng.uniform(0, 2 * np.pi, locks)[lock][:, None], rng.uniform(0.4, 1.2, locks)[lock][:, None]
    swing = np.sin(2 * np.pi * 1.9 * t + phase * 0.3 + place * 1.6 + (0.6 if side < 0 else 2.4))
    points[..., 0] += wave * size * smoothstep(0.25, 0.75, t) * swing * side
    points[..., 0] += rng.normal(0, 1.0, count)[:, None] * (0.2 + t**2 * 2.6)
    points[..., 1] += (1 - np.abs(across)[:, None]) * 5 * t**6  # a lock ends in a point
    facing = _normals(surface)
    normals = facing[i, j] * (1 - f) + facing[i + 1, j] * f + across[:, None, None] * 0.6 * np.array([side, 0, 0])
    start = rng.uniform(0, 1, (count, 1, 1))  # strands are lit at their points: in step, those would show as bands
    return Strands(
        points=points[:, :-1] * (1 - start) + points[:, 1:] * start,
        normals=unit(normals[:, :-1] * (1 - start) + normals[:, 1:] * start),
        lock=lock,
        across=across,
        rim=np.asarray(rim * (0.2 + 0.8 * smoothstep(6, 30, s[:, _POINTS // 2]))),
        until=rng.uniform(*until, count),
        width=rng.integers(width[0], width[1] + 1, count).astype(float),
        brightness=brightness,
    )


def _normals(surface: Field) -> Field:
    out = np.cross(np.gradient(surface, axis=0), np.gradient(surface, axis=1))
    out *= np.sign(out[..., 2:3] + 1e-9)
    return unit(out)
