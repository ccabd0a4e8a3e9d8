"""Faces for tests, drawn once: layers are kept where the renderer itself keeps them, under a hash of their sources."""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from services.common.speech import Viseme, VisemeAt
from services.renderer.portrait import cache
from services.renderer.portrait.bake import bake_to_cache
from services.renderer.portrait.drawing.face import Face
from services.renderer.portrait.layers.baking import Layers
from services.renderer.portrait.person.people import PEOPLE
from services.renderer.portrait.person.styles import STYLES, graded

FOLDER = Path(".run/portrait")
CFG = 2.5
SAMPLE_RATE = 16_000


@lru_cache
def layers_of(avatar: str, style: str) -> Layers:
    layers = cache.load(bake_to_cache(FOLDER, avatar, style, CFG))
    assert layers is not None
    return layers


@lru_cache
def face_of(avatar: str, style: str) -> Face:
    return Face(PEOPLE[avatar], graded(STYLES[style], CFG), layers_of(avatar, style))


def hum(ms: int, loudness: float = 0.3) -> NDArray[np.int16]:
    """A steady tone."""
    t = np.arange(ms * SAMPLE_RATE // 1000) / SAMPLE_RATE
    return np.asarray(np.sin(2 * np.pi * 140 * t) * loudness * 32767, np.int16)


def timeline(*visemes: tuple[int, Viseme]) -> list[VisemeAt]:
    return [VisemeAt(t=t, v=v) for t, v in visemes]


def as_sent(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frame after a lossy codec that halves its colour."""
    done, packed = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 60])
    assert done
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
