"""A turn's speech as the model hears it: 16 kHz, counted in pictures."""

import numpy as np
import soxr
from numpy.typing import NDArray

from services.renderer.echomimic.networks.shape import SAMPLE_RATE
from services.renderer.media.clock import FPS

QUIET = 0.01
"""Loudness (RMS of full scale, -40 dB) below which speech pauses."""

PAUSE = 4
"""Pictures that a pause lasts at least: a quarter of a second. Shorter ones are between words, where faces go on."""


def sample_at(picture: float) -> int:
    """The sample at which a picture's sound begins."""
    return round(picture * SAMPLE_RATE / FPS)


class TurnSound:
    """Grows at its end; what lies far behind is forgotten."""

    def __init__(self, turn: int, rate: int) -> None:
        self.turn, self.rate = turn, rate
        self.ended = False
        self._resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
        self._kept: NDArray[np.float32] = np.zeros(0, np.float32)
        self._forgotten = 0  # samples before those that are kept

    @property
    def pictures(self) -> float:
        """How much has been heard."""
        return (self._forgotten + len(self._kept)) * FPS / SAMPLE_RATE

    def append(self, pcm: NDArray[np.int16]) -> None:
        """More of the turn, int16 at its own rate, right after what came before."""
        self._grow(np.asarray(pcm, np.float32) / np.float32(32768), last=False)

    def end(self) -> None:
        """There is no more to come."""
        if not self.ended:
            self._grow(np.zeros(0, np.float32), last=True)
            self.ended = True

    def _grow(self, pcm: NDArray[np.float32], *, last: bool) -> None:
        self._kept = np.concatenate((self._kept, self._resampler.resample_chunk(pcm, last=last)))

    def cut(self, end: float, pictures: int) -> NDArray[np.float32]:
        """So many pictures of sound at 16 kHz, up to picture `end`; silence before the turn and after what has come."""
        stop, length = sample_at(end) - self._forgotten, sample_at(pictures)
        part = self._kept[max(0, stop - length) : max(0, stop)]
        before = max(0, length - stop)
        return np.pad(part, (min(before, length), max(0, length - before - len(part))))[:length]

    def quiet(self, picture: int) -> bool:
        """Whether speech pauses before this picture."""
        part = self.cut(picture, PAUSE)
        return picture >= PAUSE and float(np.sqrt(np.mean(part * part))) < QUIET

    def forget(self, before: int) -> None:
        """Sound before this picture is no longer needed."""
        drop = min(max(0, sample_at(before) - self._forgotten), len(self._kept))
        self._kept = self._kept[drop:].copy()
        self._forgotten += drop
