"""The hair's two layers: before and behind the head."""

import cv2
import numpy as np
from numpy.typing import NDArray

from services.renderer.portrait.layers.bob_hair import bob_back, bob_front
from services.renderer.portrait.layers.short_hair import short_hair
from services.renderer.portrait.layers.strands import FINE, Strands, Volume, canvas, draw
from services.renderer.portrait.paint.curves import Field
from services.renderer.portrait.paint.light import Light
from services.renderer.portrait.paint.raster import SCALE
from services.renderer.portrait.person.identity import Identity

Box = tuple[int, int, int, int]

FRONT_BOX: dict[str, Box] = {"bob": (88, 24, 424, 440), "short": (112, 16, 400, 280)}
"""Where the front layer lies in the frame, multiples of 8."""

BACK_BOX: Box = (120, 200, 392, 440)


def paint_hair(who: Identity, light: Light) -> tuple[Field, Field | None]:
    """-> premultiplied BGRA float in the sculpture's px, supersampled: front, and back where there is one."""
    if who.hair.cut == "short":
        front = short_hair()
        return _painted(front, Volume(front), who, light), None
    front, back = bob_front(), bob_back()
    volume = Volume([*front, *back])
    return _painted(front, volume, who, light), _painted(back, volume, who, light, softness=0.8)


def _painted(groups: list[Strands], volume: Volume, who: Identity, light: Light, softness: float = 0.0) -> Field:
    picture = canvas()
    for seed, group in enumerate(groups):
        draw(picture, group, volume, who, light, seed)
    return _shrunk(picture, softness)


def _shrunk(picture: NDArray[np.uint8], softness: float) -> Field:
    if softness:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), softness * FINE), np.uint8)
    small = cv2.resize(picture, None, fx=SCALE / FINE, fy=SCALE / FINE, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / 255
