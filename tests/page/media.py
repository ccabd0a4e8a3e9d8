"""A face and a voice for the stand-in: really encoded, really sent, cheap to draw."""

import asyncio
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from aiortc import MediaStreamTrack
from numpy.typing import NDArray

FPS = 15
RATE = 48_000
SAMPLES = RATE // 50  # 20 ms

Loudness = Callable[[], float]
"""How loud the voice is right now, 0 to 1."""


class _Paced(MediaStreamTrack):
    """Hands out one frame every `period_s`, without drift; a late one does not delay those after it."""

    period_s: float

    def __init__(self, loudness: Loudness) -> None:
        super().__init__()
        self._loudness = loudness
        self._start: float | None = None
        self._count = 0

    async def _turn(self) -> int:
        """Waits for the next frame's time and answers its number."""
        now = time.monotonic()
        if self._start is None:
            self._start = now
        number = self._count
        self._count += 1
        await asyncio.sleep(max(0.0, self._start + number * self.period_s - now))
        return number


class FaceTrack(_Paced):
    """A portrait that sways a little and opens its mouth as the voice gets louder."""

    kind = "video"
    period_s = 1 / FPS

    def __init__(self, loudness: Loudness) -> None:
        super().__init__(loudness)
        picture = cv2.imread(str(Path(__file__).parent / "face.jpg"))
        assert picture is not None
        self._picture = picture

    async def recv(self) -> av.VideoFrame:
        number = await self._turn()
        frame = av.VideoFrame.from_ndarray(self._draw(number / FPS, self._loudness()), format="bgr24")
        frame.pts, frame.time_base = number * 90_000 // FPS, Fraction(1, 90_000)
        return frame

    def _draw(self, seconds: float, loudness: float) -> NDArray[np.uint8]:
        picture = self._picture.copy()
        opening = round(15 * loudness)
        if opening > 1:
            cv2.ellipse(picture, (252, 306), (27, opening), 0, 0, 360, (38, 24, 46), -1, cv2.LINE_AA)
            cv2.ellipse(
                picture, (252, 306 - opening // 2), (20, opening // 3), 0, 0, 360, (228, 232, 236), -1, cv2.LINE_AA
            )
        sway = np.array([[1, 0, 2.5 * np.sin(seconds)], [0, 1, 1.5 * np.sin(seconds * 0.7)]], np.float32)
        return np.asarray(cv2.warpAffine(picture, sway, (512, 512), borderMode=cv2.BORDER_REPLICATE), np.uint8)


class VoiceTrack(_Paced):
    """A hum of a man's pitch while the voice is loud, silence otherwise."""

    kind = "audio"
    period_s = SAMPLES / RATE

    async def recv(self) -> av.AudioFrame:
        number = await self._turn()
        t = (number * SAMPLES + np.arange(SAMPLES)) / RATE
        hum = np.sum([np.sin(2 * np.pi * 115 * k * t) / k for k in range(1, 9)], axis=0)
        pcm = (hum * self._loudness() * 5000).astype(np.int16)[None, :]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, number * SAMPLES, Fraction(1, RATE)
        return frame
