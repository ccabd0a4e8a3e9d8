"""The smallest honest face: a disc whose size is the loudness of what is heard."""

import asyncio

import cv2
import numpy as np
from numpy.typing import NDArray

from services.common.errors import Problem
from services.common.speech import VisemeAt
from services.renderer.engine import Frame, Moment

FULL = 200
"""Radius of the disc at full scale, px."""


class DiscPerformer:
    def __init__(self, style: str) -> None:
        self.style = style
        self._heard: dict[int, list[tuple[int, NDArray[np.int16], int]]] = {}
        self._picture = np.zeros((512, 512, 3), np.uint8)

    def hear(self, turn: int, t0: int, pcm: NDArray[np.int16], sr: int, visemes: list[VisemeAt]) -> None:
        self._heard.setdefault(turn, []).append((t0, pcm, sr))

    def end(self, turn: int) -> None: ...

    def ready(self, turn: int, t: float) -> bool:
        return True

    def cancel(self, turn: int) -> None:
        self._heard = {number: heard for number, heard in self._heard.items() if number > turn}

    def frame(self, moment: Moment) -> Frame:
        self._picture[:] = 30 if self.style == "dark" else 90
        radius = round(FULL * self._loudness(moment))
        if radius:
            cv2.circle(self._picture, (256, 256), radius, (255, 255, 255), -1)
        return self._picture

    def restyle(self, style: str) -> None:
        self.style = style

    def close(self) -> None: ...

    def _loudness(self, moment: Moment) -> float:
        """The peak within 10 ms of the moment, of full scale."""
        if moment.t is None:
            return 0.0
        for t0, pcm, sr in self._heard.get(moment.turn, []):
            at = round((moment.t - t0) * sr / 1000)
            if 0 <= at < len(pcm):
                near = pcm[max(0, at - sr // 100) : at + sr // 100]
                return float(np.abs(near.astype(float)).max()) / 32768
        return 0.0


class DiscEngine:
    name = "disc"
    styles: tuple[str, ...] = ("light", "dark")
    avatars: tuple[str, ...] = ("disc", "ring")
    style = "light"

    def open(self, avatar: str, style: str) -> DiscPerformer:
        if avatar not in self.avatars:
            raise Problem(422, f"avatar: there is no {avatar!r}.")
        if style not in self.styles:
            raise Problem(422, f"style: there is no {style!r}.")
        return DiscPerformer(style)

    async def supervise(self) -> None:
        await asyncio.Event().wait()

    def close(self) -> None: ...


def radius(picture: NDArray[np.uint8]) -> float:
    """Of the disc in a received BGR picture, as a share of `FULL`."""
    return float(np.sqrt(np.count_nonzero(picture[..., 1] > 180) / np.pi)) / FULL
