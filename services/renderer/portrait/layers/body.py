"""Neck, shoulders and clothes, in the frame's own px."""

from dataclasses import dataclass

import numpy as np

from services.renderer.portrait.paint.colour import film, linear
from services.renderer.portrait.paint.curves import Field, bump, smoothstep, spline
from services.renderer.portrait.paint.light import Light, Surface, cast_shadow, normals, occlusion, shade
from services.renderer.portrait.paint.placement import sculpted_y
from services.renderer.portrait.paint.raster import SCALE, SIZE, blur, grid, noise, shift
from services.renderer.portrait.person.identity import Identity

BODY_TOP = 288
"""The layer's first row in the frame."""

_BAND = 11.0  # width of the ribbed neck band


@dataclass(frozen=True)
class _Place:
    """The pixels of the body and what lies over them."""

    x: Field
    side: Field
    y: Field
    head: Field  # 1 where the head hides it
    neck: Field  # half width of the neck, a column
    beyond: Field  # px outside the neckline
    below: Field  # px under the shoulder line


def paint_body(who: Identity, light: Light) -> Field:
    """-> premultiplied BGRA float, rows from `BODY_TOP` to the frame's end, supersampled."""
    rng = np.random.default_rng(7)
    place = _place(who)
    y = place.y
    skin, skin_alpha = _neck(who, light, place)
    cloth, cloth_alpha = _garment(who, light, place, rng)
    under, under_alpha = _undershirt(who, light, place)
    near = np.exp(-np.clip(-place.beyond, 0, 99) / 6) * smoothstep(394, 410, y)  # the neck band shades what it lies on
    skin = skin * (1 - near[..., None] * np.array([0.30, 0.40, 0.44]))
    colour = skin * (skin_alpha * (1 - under_alpha))[..., None] + under * under_alpha[..., None]
    alpha = skin_alpha * (1 - under_alpha) + under_alpha
    colour = colour * (1 - cloth_alpha[..., None]) + cloth * cloth_alpha[..., None]
    alpha = alpha * (1 - cloth_alpha) + cloth_alpha
    fade = 0.50 * np.clip(np.hypot((place.x - 6) / 310, (y - 240) / 340) - 0.48, 0, 2) ** 1.5
    colour *= 1 - fade[..., None]
    layer = np.dstack([colour[..., ::-1], alpha]).astype(np.float32)
    far = smoothstep(110, 240, np.abs((np.arange(SIZE * SCALE) + 0.5) / SCALE - SIZE / 2))[None, :, None]
    return np.asarray(layer * (1 - far) + blur(layer, 1.9) * far, np.float32)


def _place(who: Identity) -> _Place:
    body = who.body
    x, y = grid((0, BODY_TOP, SIZE, SIZE))
    side, rows = np.abs(x), y[:, 0]
    head = _head(who, x, y, 0, 0)
    neck = spline(*body.neck, rows)[:, None]
    rx, ry, cy = body.neckline
    beyond = (np.sqrt((side / rx) ** 2 + ((y - cy) / ry) ** 2) - 1) * 0.5 * (rx + ry)
    below = y - spline(*body.shoulder, side[0])[None]
    return _Place(x, side, y, head, neck, beyond, below)


def _head(who: Identity, x: Field, y: Field, dx: float, dy: float) -> Field:
    """1 where the head hides the body, moved by (dx, dy): what it shades."""
    rows = np.array([sculpted_y(float(row) - dy, who.zoom) for row in y[:, 0]])
    half = np.where(rows < who.face.outline[0][-1], spline(*who.face.outline, rows), 0) * who.zoom
    return (np.abs(x - dx) < half[:, None]).astype(np.float32)


def _neck(who: Identity, light: Light, place: _Place) -> tuple[Field, Field]:
    """Cylinder blended into the chest, with tendons, notch and collar bones, under the head's shadow."""
    x, side, masculine = place.x, place.side, who.body.masculine
    lower = who.body.neckline[2] - 394
    y = place.y - lower
    width = float(who.body.neck[1][3]) / 40
    z = 58 * np.sqrt(np.clip(1 - (side / (place.neck + 2)) ** 2, 0, 1)) - np.clip(404 - y, 0, 80) * 0.30
    z += 6.5 * _ridge(place, (34 * width, 340 + lower), (7 * width, 426 + lower), 6.0 * width)  # sternomastoid
    z -= 4.5 * bump(x, y, 0, 430, 7, 9)  # notch
    z += 3.5 * _ridge(place, (14, 437 + lower), (84, 420 + lower), 5)
    z -= 2.5 * _ridge(place, (22, 424 + lower), (70, 408 + lower), 7)
    if masculine:
        z += 3.0 * bump(x, y, 0, 388, 5.0, 8)
        z -= 1.0 * bump(x, y, 0, 402, 8, 4)
    z = z.astype(np.float32)
    cast = blur(_head(who, place.x, place.y, 11, 27), 6)
    under_chin = np.maximum(cast, blur(_head(who, place.x, place.y, 2, 9), 5))
    shadow = cast_shadow(z, 24) * (1 - 0.90 * under_chin)
    openness = occlusion(z) * (1 - 0.55 * blur(place.head, 12))
    grain = noise(np.random.default_rng(5), x.shape, 2.2)
    flush = bump(x, y, 0, 410, 60, 34)
    albedo = linear(who.skin.tone) * (1 + 0.12 * np.array([0.1, -1.0, -0.8]) * flush[..., None])
    albedo = 0.90 * albedo * (1 + 0.025 * grain[..., None] * np.array([0.5, 1.1, 1.1]))
    if masculine:  # shaved, not bare
        stubble = smoothstep(412, 366, y) * (0.8 + 0.2 * grain)
        albedo = albedo * (1 - 0.22 * stubble[..., None] * np.array([1.1, 1.0, 0.85]))
    lit = shade(Surface(normals(blur(z, 2.2)), albedo, openness, shadow, 0.35), light)
    lit = lit * (1 - under_chin[..., None] * np.array([0.40, 0.47, 0.48]))
    rounding = smoothstep(0.60, 1.03, side / place.neck) * smoothstep(424, 388, y)
    lit = lit * (1 - 0.48 * rounding[..., None] * np.array([0.82, 0.95, 1.0]))
    alpha = np.clip((place.neck - side) * SCALE * 0.6 + 0.5, 0, 1)
    return film(lit), np.asarray(alpha)


def _ridge(place: _Place, start: tuple[float, float], end: tuple[float, float], sigma: float) -> Field:
    """1 along a line on both sides, falling off with sigma px."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    t = np.clip(((place.side - start[0]) * dx + (place.y - start[1]) * dy) / (dx * dx + dy * dy), 0, 1)
    away = (place.side - start[0] - t * dx) ** 2 + (place.y - start[1] - t * dy) ** 2
    return np.asarray(np.exp(-0.5 * away / sigma**2))


def _garment(who: Identity, light: Light, place: _Place, rng: np.random.Generator) -> tuple[Field, Field]:
    """A sweater: shoulders, folds that hang from them, ribbed band, knit."""
    x, side, y, beyond, below = place.x, place.side, place.y, place.beyond, place.below
    z = (
        70
        * np.sqrt(np.clip(1 - (1 - np.clip(below / 74, 0, 1)) ** 2, 0, 1))
        * np.clip(1 - (side / 270) ** 2 * 0.6, 0.1, 1)
    )
    z += 10 * bump(side, y, 92, 505, 60, 40)  # chest
    wander = noise(rng, x.shape, 24)
    angle = np.arctan2(x, y - 352)
    hang = smoothstep(12, 90, below)
    z = z + 2.0 * hang * np.sin(angle * 11 + 1.6 * wander) * smoothstep(30, 110, side)
    z = z + 1.0 * noise(rng, x.shape, 16) * hang + 0.35 * noise(rng, x.shape, 7)
    z -= 2.6 * _ridge(place, (150, 452), (120, 515), 6) - 1.6 * _ridge(place, (162, 452), (134, 515), 6)  # armhole
    band = np.clip(beyond / _BAND, 0, 1)
    ribs = np.sin(np.arctan2((y - who.body.neckline[2]) * 1.5, x) * 92)
    z = z + np.where(beyond < _BAND, 4.6 * np.sqrt(np.clip(1 - (band * 2 - 1) ** 2, 0, 1)) + 0.40 * ribs, 0)
    z -= 1.8 * np.exp(-(((beyond - _BAND - 1.0) / 1.2) ** 2))
    knit = np.sin(x * 2 * np.pi / 2.6 + 0.8 * np.sin(y * 2 * np.pi / 3.0)) * 0.16
    knit = knit + 0.10 * rng.standard_normal(x.shape, np.float32)
    z = (z + knit * (beyond > _BAND)).astype(np.float32)
    from_head = blur(shift(place.head, 24, 58, 1.2), 16)
    openness = occlusion(z, (2, 6, 16), (0.14, 0.05, 0.02)) * (1 - 0.5 * from_head)
    openness = openness * (smoothstep(-2, 12, beyond - _BAND) * 0.22 + 0.78)
    albedo = linear(who.palette.cloth) * (1 + 0.06 * rng.standard_normal(x.shape, np.float32)[..., None])
    albedo = albedo * (1 + 0.03 * noise(rng, x.shape, 12)[..., None])
    normal = normals(blur(z, 0.45))
    lit = shade(Surface(normal, albedo, openness, cast_shadow(z, 20) * (1 - 0.6 * from_head), 0.03, 0.25), light)
    fuzz = (1 - np.clip(normal[..., 2], 0, 1)) ** 2  # wool is light where one looks along it
    lit = lit + (fuzz * openness * 0.5)[..., None] * linear(who.palette.cloth) * np.array(light.key, np.float32)
    alpha = np.clip(below * SCALE * 0.6 + 0.5, 0, 1) * np.clip(beyond * SCALE * 0.7 + 0.5, 0, 1)
    return film(lit), np.asarray(alpha)


def _undershirt(who: Identity, light: Light, place: _Place) -> tuple[Field, Field]:
    """The edge of a shirt inside the neck band."""
    x, y, beyond = place.x, place.y, place.beyond
    width = 4.2
    inner = np.clip((beyond + width) / width, 0, 1)
    z = (2.2 * np.sqrt(np.clip(1 - (inner * 2 - 1) ** 2, 0, 1)) + 0.10 * np.sin(x * 5)).astype(np.float32)
    from_head = blur(shift(place.head, 15, 30), 9)
    albedo = np.broadcast_to(linear(who.palette.under), (*x.shape, 3))
    openness = (0.55 + 0.45 * inner) * (1 - 0.5 * from_head)
    lit = shade(Surface(normals(z), albedo, openness, 1 - 0.85 * from_head, 0.0, 0.3), light)
    alpha = np.clip((beyond + width) * SCALE * 0.7 + 0.5, 0, 1) * smoothstep(398, 408, y) * (beyond < 2)
    return film(lit), np.asarray(alpha * smoothstep(0, 4, place.neck - place.side + 12))
