"""A person's voice without a person: sound made on the spot, and a microphone that plays it into a connection."""

import asyncio
import fractions
import time
from dataclasses import dataclass

import av
import numpy as np
import soxr
from aiortc import MediaStreamTrack
from numpy.typing import NDArray

Sound = NDArray[np.float32]
"""Mono, 16 kHz, full scale 1."""

RATE = 16_000
WIRE_RATE = 48_000
FRAME_S = 0.02
FRAME = int(WIRE_RATE * FRAME_S)


@dataclass
class Played:
    """Sound on its way. `began` is the monotonic second at which its first sample is in the air."""

    began: float
    seconds: float

    @property
    def ended(self) -> float:
        return self.began + self.seconds


class Microphone(MediaStreamTrack):
    """Captures `room`, silence unless given, and what `play` adds; a frame leaves when its last sample is there."""

    kind = "audio"

    def __init__(self, room: Sound | None = None) -> None:
        super().__init__()
        self.move(np.zeros(RATE, np.float32) if room is None else room)
        self._sound = np.zeros(0, np.float32)  # at the wire's rate, from the next frame on
        self._sent = 0
        self._start = time.monotonic()

    def move(self, room: Sound) -> None:
        """Into another room, whose sound goes on without end."""
        self._room = _at_wire_rate(room)

    def play(self, sound: Sound, gain: float = 1.0) -> Played:
        """Begins with the next frame; what sounds already is mixed with it."""
        wave = gain * _at_wire_rate(sound)
        length = max(len(wave), len(self._sound))
        self._sound = np.pad(self._sound, (0, length - len(self._sound))) + np.pad(wave, (0, length - len(wave)))
        return Played(self._start + self._sent * FRAME_S, len(sound) / RATE)

    @property
    def quiet(self) -> bool:
        """All that was played has left, but for the room."""
        return not len(self._sound)

    async def recv(self) -> av.AudioFrame:
        number, self._sent = self._sent, self._sent + 1
        frame = np.take(self._room, range(number * FRAME, (number + 1) * FRAME), mode="wrap")
        said, self._sound = self._sound[:FRAME], self._sound[FRAME:]
        frame = frame + np.pad(said, (0, FRAME - len(said)))
        await asyncio.sleep(self._start + (number + 1) * FRAME_S - time.monotonic())
        samples = (np.clip(frame, -1, 1) * 32767).astype(np.int16)
        captured = av.AudioFrame.from_ndarray(samples[None], layout="mono")
        captured.sample_rate, captured.pts = WIRE_RATE, number * FRAME
        captured.time_base = fractions.Fraction(1, WIRE_RATE)
        return captured


def _at_wire_rate(sound: Sound) -> Sound:
    return np.asarray(soxr.resample(sound, RATE, WIRE_RATE), np.float32)
