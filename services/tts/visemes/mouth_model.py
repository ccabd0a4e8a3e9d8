"""The frame classifier: which mouth shape is heard. A small convolutional network in numpy, trained by
`services.tts.training`; it looks `AHEAD` frames into the future and `PAST` into the past.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.tts.engine import Pcm
from services.tts.visemes.spectrum import SILENT, Frames, MeanNormalization, Spectrum

TAPS = ((-2, -1, 0, 1, 2), (-3, -2, -1, 0, 1), (-6, -3, 0), (-12, -6, 0))
"""Frames that each layer reads, relative to its own."""

PAST = -sum(taps[0] for taps in TAPS)
AHEAD = sum(taps[-1] for taps in TAPS)
WEIGHTS = Path(__file__).parent / "mouth_model.npz"

Layer = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Weights [taps · inputs, outputs] and biases."""


@dataclass(frozen=True, slots=True)
class MouthModel:
    """The convolutions and a last layer that reads one frame. `prior` [shapes]: how often each shape was seen in
    training. `usual` [BANDS]: the mean of the frames that sounded there.
    """

    layers: tuple[Layer, ...]
    prior: NDArray[np.float32]
    usual: NDArray[np.float32]

    @property
    def convolutions(self) -> list[tuple[tuple[int, ...], Layer]]:
        """Each with the frames that it reads. Where as much goes in as comes out, the input is added."""
        return list(zip(TAPS, self.layers, strict=False))


@cache
def mouth_model() -> MouthModel:
    """The trained model, read once. Raises OSError where its file is missing."""
    with np.load(WEIGHTS) as stored:
        layers = tuple(
            (stored[f"w{i}"].astype(np.float32), stored[f"b{i}"].astype(np.float32)) for i in range(len(TAPS) + 1)
        )
        return MouthModel(layers, stored["prior"], stored["usual"])


def silence(frames: int, usual: NDArray[np.float32]) -> Frames:
    """[frames, BANDS] of normalised silence, which stands before and after an utterance."""
    return np.tile(SILENT - usual, (frames, 1))


class ShapeClassifier:
    """Classifies the frames of one utterance: sound in, probabilities of the shapes out, a row each 10 ms."""

    def __init__(self, model: MouthModel, sr: int) -> None:
        """Raises ValueError for a rate outside 8–48 kHz."""
        self._model = model
        self._spectrum = Spectrum(sr)
        self._normalization = MeanNormalization(model.usual)
        # Each layer's last inputs, which its next outputs read again.
        self._inputs = [
            np.zeros((0, len(weights) // len(taps)), np.float32) for taps, (weights, _) in model.convolutions
        ]
        self._through(silence(PAST, model.usual))

    def push(self, pcm: Pcm, *, final: bool) -> NDArray[np.float32]:
        """[n, shapes]: the rows that are certain with these samples; with `final` all."""
        frames = self._normalization.push(self._spectrum.push(pcm, final=final))
        if final:
            frames = np.concatenate([frames, silence(AHEAD, self._model.usual)])
        return self._through(frames)

    def _through(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        for index, (taps, (weights, bias)) in enumerate(self._model.convolutions):
            x = np.concatenate([self._inputs[index], x])
            n = max(len(x) - taps[-1] + taps[0], 0)
            self._inputs[index] = x[n:]
            stacked = np.concatenate([x[tap - taps[0] : tap - taps[0] + n] for tap in taps], axis=1)
            y = np.maximum(stacked @ weights + bias, 0)
            x = y + x[-taps[0] : n - taps[0]] if x.shape[1] == y.shape[1] else y
        weights, bias = self._model.layers[-1]
        logits = x @ weights + bias
        likely = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(likely / likely.sum(axis=1, keepdims=True), np.float32)
