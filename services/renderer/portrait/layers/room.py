"""The room behind: window, shelf, lamp and plant, far out of focus."""

import cv2
import numpy as np

from services.renderer.portrait.paint.colour import film, linear
from services.renderer.portrait.paint.curves import Field, smoothstep
from services.renderer.portrait.paint.raster import SIZE
from services.renderer.portrait.person.styles import Style

_SIDE = 256


def paint_room(style: Style) -> Field:
    """-> BGR float 0..1, 512×512. Light is added up before the lens blurs it, so bright things bloom into discs."""
    room, rng = style.room, np.random.default_rng(8)
    x, y = np.meshgrid(np.linspace(0, SIZE, _SIDE, dtype=np.float32), np.linspace(0, SIZE, _SIDE, dtype=np.float32))
    near = np.exp(-(((x - 70) / 210) ** 2) - ((y - 150) / 260) ** 2)[..., None]
    scene = linear(room.wall_far) * (1 - near) + linear(room.wall) * near
    scene = scene * (1 - 0.35 * smoothstep(300, 512, y)[..., None])
    scene = _window(scene, style, x, y)
    scene = _shelf(scene, style, x, y, rng)
    scene = _plant(scene, style, x, y, rng)
    scene = _lamp(scene, style, x, y)
    scene = _out_of_focus(scene.astype(np.float32), 11)
    distance = np.hypot((x - 262) / 350, (y - 220) / 360)
    scene *= np.clip(1.06 - 0.60 * np.clip(distance - 0.25, 0, 2)[..., None] ** 1.5, 0.15, 1.1)
    full = cv2.resize(scene, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return film(full)[..., ::-1]


def _box(x: Field, y: Field, x0: float, y0: float, x1: float, y1: float, edge: float = 2.0) -> Field:
    inside_x = smoothstep(x0 - edge, x0 + edge, x) * smoothstep(x1 + edge, x1 - edge, x)
    return np.asarray(inside_x * smoothstep(y0 - edge, y0 + edge, y) * smoothstep(y1 + edge, y1 - edge, y))[..., None]


def _window(scene: Field, style: Style, x: Field, y: Field) -> Field:
    room = style.room
    pane = linear(room.window) * room.window_glow
    for x0, x1 in ((8, 66), (74, 132)):
        for y0, y1 in ((24, 146), (154, 286)):
            light = _box(x, y, x0, y0, x1, y1) * (1.15 - 0.0011 * y[..., None])
            scene = scene * (1 - _box(x, y, x0, y0, x1, y1)) + pane * light
    spill = np.exp(-(((x - 80) / 120) ** 2) - ((y - 160) / 170) ** 2)[..., None]
    return scene + pane * 0.10 * spill


def _shelf(scene: Field, style: Style, x: Field, y: Field, rng: np.random.Generator) -> Field:
    """Two boards with books, lit from the lamp's side."""
    wood = linear(style.room.shelf)
    lamp = linear(style.room.lamp) * style.room.lamp_glow
    for board in (118.0, 236.0):
        cursor = 352.0
        while cursor < 500:
            width, tall = rng.uniform(7, 17), rng.uniform(44, 74)
            hue = (
                wood
                * rng.uniform(0.35, 1.2)
                * np.array([rng.uniform(0.7, 1.3), rng.uniform(0.7, 1.15), rng.uniform(0.6, 1.5)])
            )
            if rng.random() < 0.8:
                glow = np.exp(-np.hypot(cursor - 446, board - 160) / 130)
                book = _box(x, y, cursor, board - tall, cursor + width - 1.2, board, 1.5)
                scene = scene * (1 - book) + book * (hue * 0.8 + hue * lamp * 0.5 * glow)
            cursor += width
        plank = _box(x, y, 344, board, 520, board + 9)
        scene = scene * (1 - plank) + plank * wood * 0.8
    return scene


def _plant(scene: Field, style: Style, x: Field, y: Field, rng: np.random.Generator) -> Field:
    leaf = linear(style.room.plant)
    for _ in range(26):
        angle, length = rng.uniform(-2.6, -0.5), rng.uniform(40, 120)
        ex, ey = 18 + length * np.cos(angle) * 0.8, 372 + length * np.sin(angle)
        c, s = np.cos(angle), np.sin(angle)
        u, v = (x - ex) * c + (y - ey) * s, (y - ey) * c - (x - ex) * s
        blade = np.clip(1.4 - np.hypot(u / 26, v / 9), 0, 1)[..., None] ** 0.5
        scene = scene * (1 - 0.85 * blade) + blade * leaf * rng.uniform(0.35, 1.1)
    return scene


def _lamp(scene: Field, style: Style, x: Field, y: Field) -> Field:
    glow = linear(style.room.lamp) * style.room.lamp_glow
    scene = scene + glow * 0.30 * np.exp(-np.hypot((x - 446) / 110, (y - 190) / 130) * 1.4)[..., None]
    half = 20 + (y - 150) * 0.16
    shade = smoothstep(3, -3, np.abs(x - 446) - half) * smoothstep(150, 154, y) * smoothstep(206, 202, y)
    bright = 0.65 + 0.5 * np.exp(-(((y - 184) / 22) ** 2))
    scene = scene * (1 - shade[..., None]) + glow * (shade * bright)[..., None]
    stand = _box(x, y, 443, 206, 449, 330)
    return np.asarray(scene * (1 - 0.8 * stand) + stand * 0.01)


def _out_of_focus(scene: Field, radius: int) -> Field:
    """A lens' disc of confusion, then a little softness."""
    span = np.arange(-radius, radius + 1)
    distance = np.hypot(span[:, None], span[None, :])
    disc = np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32)
    disc *= 1 + 0.15 * (distance / radius) ** 3
    blurred = cv2.filter2D(scene, -1, disc / disc.sum(), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.GaussianBlur(blurred, (0, 0), 2.2, borderType=cv2.BORDER_REPLICATE))
