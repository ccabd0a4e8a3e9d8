"""The frame classifier: which mouth shape is heard. A small convolutional network in numpy, trained by
`services.tts.training`; it looks `AHEAD` frames into the future and `PAST` into the past.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.common.speech import VISEMES
from services.tts.engine import Pcm
from services.tts.spectrum import BANDS, SILENT, Frames, Spectrum

TAPS = ((-2, -1, 0, 1, 2), (-3, -2, -1, 0, 1), (-6, -3, 0), (-12, -6, 0))
"""Frames that each layer reads, relative to its own."""

PAST = -sum(taps[0] for taps in TAPS)
AHEAD = sum(taps[-1] for taps in TAPS)
WEIGHTS = Path(__file__).parent / "mouth_model.npz"

LogLikely = NDArray[np.float32]
"""[n, shapes]: log of how much more likely each shape is, given the sound, than it is on the whole."""


@dataclass(frozen=True, slots=True)
class MouthModel:
    """`layers`: weights [taps · inputs, outputs], biases; the last reads one frame. `prior`: shares of the shapes."""

    layers: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]
    prior: NDArray[np.float32]

    def posteriors(self, frames: Frames) -> NDArray[np.float32]:
        """[n + PAST + AHEAD, BANDS] to the probabilities of the shapes [n, shapes]."""
        x: NDArray[np.float32] = frames
        for taps, (weights, bias) in zip(TAPS, self.layers[:-1], strict=True):
            first, last = taps[0], taps[-1]
            n = len(x) - last + first
            stacked = np.concatenate([x[tap - first : tap - first + n] for tap in taps], axis=1)
            y = np.maximum(stacked @ weights + bias, 0)
            x = y + x[-first : -first + n] if x.shape[1] == y.shape[1] else y
        weights, bias = self.layers[-1]
        logits = x @ weights + bias
        likely = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(likely / likely.sum(axis=1, keepdims=True), np.float32)


@cache
def mouth_model() -> MouthModel:
    """The trained one. Raises OSError where its file is missing."""
    with np.load(WEIGHTS) as stored:
        layers = tuple(
            (stored[f"w{i}"].astype(np.float32), stored[f"b{i}"].astype(np.float32)) for i in range(len(TAPS) + 1)
        )
        return MouthModel(layers, stored["prior"].astype(np.float32))


class Listener:
    """One utterance: sound in, probabilities of the shapes out, a row each 10 ms."""

    def __init__(self, model: MouthModel, sr: int) -> None:
        """Raises ValueError for a rate outside 8–48 kHz."""
        self._model = model
        self._spectrum = Spectrum(sr)
        self._frames: Frames = np.full((PAST, BANDS), SILENT, np.float32)

    def push(self, pcm: Pcm, *, final: bool) -> NDArray[np.float32]:
        """[n, shapes]: the rows that are known now; with `final` all."""
        new = [self._frames, self._spectrum.push(pcm, final=final)]
        if final:
            new.append(np.full((AHEAD, BANDS), SILENT, np.float32))
        frames = np.concatenate(new)
        ready = len(frames) - PAST - AHEAD
        if ready <= 0:
            self._frames = frames
            return np.zeros((0, len(VISEMES)), np.float32)
        self._frames = frames[ready:]
        return self._model.posteriors(frames)
