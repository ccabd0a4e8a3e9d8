"""What does not move by itself, baked once for an identity in a style: textures and the tables that warp them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from services.renderer.portrait.layers.body import BODY_TOP, paint_body
from services.renderer.portrait.layers.features import paint_brow, paint_iris
from services.renderer.portrait.layers.hair import BACK_BOX, FRONT_BOX, paint_hair
from services.renderer.portrait.layers.room import paint_room
from services.renderer.portrait.layers.skin import paint_skin
from services.renderer.portrait.paint.curves import Field, bump, smoothstep
from services.renderer.portrait.paint.placement import LIFT, PIVOT
from services.renderer.portrait.paint.raster import HEAD_BOX, SCALE, SIZE, Pixels, blur, shift, shrink, to_bytes
from services.renderer.portrait.person.identity import Identity
from services.renderer.portrait.person.styles import Style

Painted = TypeVar("Painted")

CELL = 8
"""Spacing of the warp tables, px."""

SKIN_DENSITY, HAIR_DENSITY = 1.5, 1.5
"""Texels of the warped layers for a pixel of the frame."""

BODY_SLACK = 3
"""Rows that the body's layer has more than it shows: the chest rises into them."""


@dataclass(frozen=True)
class Layers:
    """uint8 BGRA, premultiplied, except the tables."""

    room: Pixels  # 512×512
    body: Pixels  # from BODY_TOP
    skin: Pixels  # HEAD_BOX at SKIN_DENSITY, serious
    skin_smiling: Pixels
    hair: Pixels  # FRONT_BOX at HAIR_DENSITY
    hair_back: Pixels  # BACK_BOX; empty where there is none
    brow: Pixels
    iris: Pixels
    face_table: NDArray[np.float32]  # (64, 64, 4): height, pull of the jaw, of the mouth's corners, of the cheeks
    hair_table: NDArray[np.float32]

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The fields, in their order."""
        return tuple(f.name for f in fields(cls))


def bake(who: Identity, style: Style, progress: Callable[[str], None] = lambda done: None) -> Layers:
    """Draw every layer, parts side by side on two threads; `progress` hears the name of each finished part."""

    def part(name: str, paint: Callable[[], Painted]) -> Painted:
        painted = paint()
        progress(name)
        return painted

    light = style.light
    with ThreadPoolExecutor(2) as pool:
        hair_job = pool.submit(part, "hair", lambda: paint_hair(who, light))
        skin_job = pool.submit(part, "skin", lambda: paint_skin(who, light, 0.0))
        smile_job = pool.submit(part, "smile", lambda: paint_skin(who, light, 1.0))
        body_job = pool.submit(part, "body", lambda: paint_body(who, light))
        room_job = pool.submit(part, "room", lambda: paint_room(style))
        front, back = hair_job.result()
        serious, height = skin_job.result()
        smiling, _ = smile_job.result()
        body, room = body_job.result(), room_job.result()
    return _assembled(who, style, front, back, serious, smiling, height, body, room)


def _assembled(
    who: Identity,
    style: Style,
    front: Field,
    back: Field | None,
    serious: Field,
    smiling: Field,
    height: Field,
    body: Field,
    room: Field,
) -> Layers:
    cut = who.hair.cut
    x0, y0, x1, y1 = (edge * SCALE for edge in HEAD_BOX)
    alpha = front[..., 3]
    shade = _hair_shadow(alpha, cut)[y0:y1, x0:x1]
    skins = [
        to_bytes(_graded(shrink(_shaded(skin, shade), SKIN_DENSITY / SCALE), style)) for skin in (serious, smiling)
    ]
    if cut == "bob":
        over = _in_frame(np.maximum(alpha, back[..., 3]) if back is not None else alpha, who)[BODY_TOP * SCALE :]
        fall = 0.48 * np.maximum(blur(shift(over, 6, 10), 7), 0.8 * blur(over, 4))
        kept = 1 - fall[..., None] * np.array([1.05, 1.0, 0.86], np.float32)
        body = np.dstack([body[..., :3] * kept, body[..., 3]])
    grain = np.random.default_rng(2).normal(0, 1.1 / 255, (SIZE, SIZE, 1)).astype(np.float32)  # moving grain costs bits
    room = _graded(room, style) + grain
    shown_body = _graded(shrink(body, 1 / SCALE), style)
    shown_body[..., :3] = np.clip(shown_body[..., :3] + grain[BODY_TOP:] * shown_body[..., 3:], 0, shown_body[..., 3:])
    shown_body = np.pad(shown_body, ((0, BODY_SLACK), (0, 0), (0, 0)), "edge")
    fx0, fy0, fx1, fy1 = (edge * SCALE for edge in FRONT_BOX[cut])
    bx0, by0, bx1, by1 = (edge * SCALE for edge in BACK_BOX)
    behind = (
        np.zeros((0, 0, 4), np.float32) if back is None else _graded(shrink(back[by0:by1, bx0:bx1], 1 / SCALE), style)
    )
    table = _face_table(who, height)
    return Layers(
        room=to_bytes(np.dstack([room, np.ones((SIZE, SIZE), np.float32)])),
        body=to_bytes(shown_body),
        skin=skins[0],
        skin_smiling=skins[1],
        hair=to_bytes(_graded(shrink(front[fy0:fy1, fx0:fx1], HAIR_DENSITY / SCALE), style)),
        hair_back=to_bytes(behind),
        brow=to_bytes(paint_brow(who)),
        iris=to_bytes(paint_iris(who)),
        face_table=table,
        hair_table=_hair_table(cut, table[..., 0]),
    )


def _graded(image: Field, style: Style) -> Field:
    """BGR or premultiplied BGRA with the style's saturation."""
    luma = image[..., :3] @ np.array([0.1, 0.6, 0.3], np.float32)
    colour = luma[..., None] * (1 - style.saturation) + image[..., :3] * style.saturation
    return np.dstack([colour, image[..., 3:]]).astype(np.float32)


def _hair_shadow(alpha: Field, cut: str) -> Field:
    """How much hair darkens the skin below it, 0..1."""
    reach = 1.0 if cut == "bob" else 0.55
    fallen = 0.8 * blur(shift(alpha, 7 * reach, 8 * reach), 5 * reach)
    return np.maximum(fallen, 0.75 * blur(alpha, 3.5 * reach)) * (1.0 if cut == "bob" else 0.62)


def _shaded(skin: Field, shade: Field) -> Field:
    kept = 1 - shade[..., None] * np.array([0.60, 0.53, 0.42], np.float32)
    return np.dstack([skin[..., :3] * kept, skin[..., 3]])


def _in_frame(image: Field, who: Identity) -> Field:
    """From the sculpture's px to the frame's, head at rest."""
    zoom, (px, py, _) = who.zoom, PIVOT
    matrix = np.array([[zoom, 0, px * (1 - zoom) * SCALE], [0, zoom, (py * (1 - zoom) + LIFT) * SCALE]], np.float32)
    return np.asarray(cv2.warpAffine(image, matrix, image.shape[1::-1]))


def _cells() -> tuple[Field, Field]:
    """Centres of the tables' cells, px of the sculpture."""
    at = CELL * np.arange(SIZE // CELL, dtype=np.float32) + CELL / 2
    x, y = np.meshgrid(at, at)
    return x, y


def _face_table(who: Identity, height: Field) -> NDArray[np.float32]:
    x, y = _cells()
    side = np.abs(x - SIZE / 2)
    x0, y0, x1, y1 = HEAD_BOX
    full = np.zeros((SIZE, SIZE), np.float32)
    full[y0:y1, x0:x1] = shrink(height, 1 / SCALE)
    depth = cv2.GaussianBlur(full, (0, 0), 5)[CELL // 2 :: CELL, CELL // 2 :: CELL]
    mouth = who.lips.y
    jaw = smoothstep(mouth - 27, mouth + 19, y - 0.16 * side + 4) * (1 - 0.25 * np.clip(side / 95, 0, 1) ** 2)
    jaw = jaw * np.clip(1 - (side - 80) / 30, 0, 1)
    corners, cheeks = bump(side, y, 30, mouth, 16, 22), bump(side, y, 52, mouth - 31, 22, 18)
    return np.dstack([depth, jaw, corners, cheeks]).astype(np.float32)


def _hair_table(cut: str, face_depth: Field) -> NDArray[np.float32]:
    x, y = _cells()
    from_middle = x - SIZE / 2
    if cut == "bob":
        fall = np.clip(1.2 - np.clip(y - 150, 0, 400) / 420, 0.3, 1.0)
        depth = np.clip(104 - 0.0068 * from_middle**2, -6, 104) * smoothstep(48, 100, y) * fall
    else:
        dome = 100 * np.sqrt(np.clip(1 - (from_middle / 108) ** 2 - ((y - 158) / 112) ** 2, 0, 1))
        depth = np.maximum(face_depth, dome * smoothstep(215, 150, y))
    still = np.zeros_like(depth)
    return np.dstack([depth, still, still, still]).astype(np.float32)
