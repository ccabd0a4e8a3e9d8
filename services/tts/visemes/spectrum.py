"""Sound to log-mel frames as it streams, at any sample rate. Pure."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from services.tts.engine import Pcm

HOP_MS = 10
BANDS = 40
WINDOW_S = 0.025
_LOW_HZ, _HIGH_HZ = 60, 7600
_FLOOR = 1e-7  # mean power in a band; what is below is silence for every voice

Frames = NDArray[np.float32]
"""[n, BANDS]; frame i is centred on 10 i + 5 ms."""

LOUD = -0.5
"""Frames with a band above this (-50 dBFS) sound."""

_USUAL_FRAMES, _MEMORY_FRAMES = 30, 100  # as how many frames the first mean counts; over how many the mean runs

SILENT = np.float32((np.log10(_FLOOR) + 4) / 2)
"""A band without sound."""


class Spectrum:
    """One utterance's frames. The window is the same in seconds at every rate, so the frames are alike."""

    def __init__(self, sr: int) -> None:
        """Raises ValueError for a rate outside 8–48 kHz."""
        if not 8000 <= sr <= 48000:
            raise ValueError(f"sound at {sr} Hz cannot be followed; 8000 to 48000 can")
        self._sr = sr
        self._window = round(WINDOW_S * sr)
        # The first frame's window begins before the sound does.
        self._waiting: Pcm = np.zeros(self._window // 2 - sr * HOP_MS // 2000, np.int16)
        self._dropped = -len(self._waiting)  # the sample that `_waiting` begins with
        self._frames = 0

    def push(self, pcm: Pcm, *, final: bool) -> Frames:
        """The frames that are complete with these samples; with `final` all that begin before the end."""
        self._waiting = np.concatenate([self._waiting, pcm])
        heard = self._dropped + len(self._waiting)
        if final:
            until = -(-heard * 1000 // (HOP_MS * self._sr))
            missing = self._start(max(until - 1, 0)) + self._window - heard
            self._waiting = np.pad(self._waiting, (0, max(missing, 0)))
        else:
            until = self._frames
            while self._start(until) + self._window <= heard:
                until += 1
        starts = np.array([self._start(i) - self._dropped for i in range(self._frames, until)], np.int64)
        self._frames = max(until, self._frames)
        frames = log_mel(self._waiting[starts[:, None] + np.arange(self._window)], self._sr)
        drop = self._start(self._frames) - self._dropped
        self._waiting = self._waiting[drop:]
        self._dropped += drop
        return frames

    def _start(self, frame: int) -> int:
        """The first sample of a frame's window."""
        return frame * HOP_MS * self._sr // 1000 + self._sr * HOP_MS // 2000 - self._window // 2


class MeanNormalization:
    """Mean normalisation, as of cepstra: takes away what all frames of an utterance have in common, which is how loud
    it is, the microphone, the voice's own tone.

    The mean runs over about the last second that sounded. It begins with the mean of the training's speech.
    """

    def __init__(self, usual: NDArray[np.float32]) -> None:
        """`usual`: the mean [BANDS] of the training's frames that sound."""
        self._mean = usual.copy()
        self._heard = _USUAL_FRAMES

    def push(self, frames: Frames) -> Frames:
        """The same frames without the mean."""
        relative = np.empty_like(frames)
        for i, frame in enumerate(frames):
            if frame.max() > LOUD:
                self._heard = min(self._heard + 1, _MEMORY_FRAMES)
                self._mean += (frame - self._mean) / np.float32(self._heard)
            relative[i] = frame - self._mean
        return relative


def log_mel(windows: Pcm, sr: int) -> Frames:
    """[n, window] samples to [n, BANDS]; bands above half the rate are silent."""
    if not len(windows):
        return np.zeros((0, BANDS), np.float32)
    size, taper, filters = _tables(windows.shape[1], sr)
    power = np.abs(np.fft.rfft(windows * (taper / 32768), size).astype(np.complex64)) ** 2
    mel = power @ filters
    return np.asarray((np.log10(mel + np.float32(_FLOOR)) + 4) / 2, np.float32)


@lru_cache(maxsize=32)
def _tables(window: int, sr: int) -> tuple[int, NDArray[np.float32], NDArray[np.float32]]:
    """Length of the transform, the taper, and triangular filters that average [bins, BANDS]."""
    size = 1 << (2 * window - 1).bit_length()
    taper = np.hanning(window).astype(np.float32)
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (_LOW_HZ, _HIGH_HZ))
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    hz = np.arange(size // 2 + 1) * sr / size
    rising = (hz[:, None] - edges[None, :-2]) / np.diff(edges)[:-1]
    falling = (edges[None, 2:] - hz[:, None]) / np.diff(edges)[1:]
    filters = np.clip(np.minimum(rising, falling), 0, None)
    whole = edges[2:] <= sr / 2
    filters = np.where(whole, filters / np.maximum(filters.sum(axis=0), 1e-9), 0)
    return size, taper / taper.sum() * np.float32(2), filters.astype(np.float32)
