"""`make train-visemes`: speaks the training speech, trains the mouth model on one core, writes its weights."""

import random
import sys
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from services.common.speech import VISEMES
from services.tts.catalog import load
from services.tts.settings import TtsSettings
from services.tts.training.augmentation import heard, other_voice
from services.tts.training.speech import training_speech
from services.tts.visemes.mouth_model import AHEAD, PAST, TAPS, WEIGHTS, silence
from services.tts.visemes.spectrum import BANDS, HOP_MS, LOUD, Frames, MeanNormalization

_SEED = 20
_LINES, _VERSIONS = 2000, 2  # spoken lines, and how often each is heard
_CHANNELS = 80
_EPOCHS, _BATCH, _CROP = 12, 32, 200
_NO_LABEL = -100
Labels = NDArray[np.int64]


def material() -> list[tuple[Frames, Labels]]:
    """For each line, as often as it is heard: its frames, and the index of each frame's shape."""
    rng = random.Random(_SEED)
    catalog = load(TtsSettings(tts_engine="piper", tts_voice="joe"))
    lines = []
    for said in training_speech(catalog.engine(catalog.default), rng, _LINES):
        rate = said.line.voice.sample_rate
        fine = np.array(said.labels(1))
        for version in range(_VERSIONS):
            # There is one recorded speaker here; as others he stands for the many that there are elsewhere.
            pcm = other_voice(said.pcm, rate, rng) if version and said.line.voice.engine != "espeak" else said.pcm
            frames, speed = heard(pcm, rate, rng)
            at = ((np.arange(len(frames)) + 0.5) * HOP_MS * speed).astype(int)
            lines.append((frames, fine[np.minimum(at, len(fine) - 1)]))
    return lines


def joined(lines: list[tuple[Frames, Labels]], usual: NDArray[np.float32]) -> tuple[Frames, Labels]:
    """All in a row, with silence between lines that has no label."""
    gap, unlabelled = silence(PAST, usual), np.full(PAST, _NO_LABEL)
    frames, labels = [gap], [unlabelled]
    for new, shapes in lines:
        frames += [MeanNormalization(usual).push(new), gap]
        labels += [shapes, unlabelled]
    return np.concatenate(frames), np.concatenate(labels)


class Network(nn.Module):  # type: ignore[misc]  # torch is not there where types are checked
    """What `mouth_model.MouthModel` computes."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [BANDS, *[_CHANNELS] * len(TAPS)]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(a, b, len(taps), dilation=taps[1] - taps[0])
            for taps, a, b in zip(TAPS, sizes, sizes[1:], strict=False)
        )
        self.shapes = nn.Conv1d(_CHANNELS, len(VISEMES), 1)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[batch, BANDS, n + PAST + AHEAD] to logits [batch, shapes, n]."""
        for taps, convolution in zip(TAPS, self.convolutions, strict=True):
            y = torch.relu(convolution(x))
            inner = x[:, :, -taps[0] : x.shape[2] - taps[-1]]
            x = self.dropout(y) + inner if x.shape[1] == y.shape[1] else y
        logits: torch.Tensor = self.shapes(x)
        return logits

    def layers(self) -> dict[str, NDArray[np.float16]]:
        """As `MouthModel` reads them: [taps · inputs, outputs]."""
        stored = {}
        for i, convolution in enumerate([*self.convolutions, self.shapes]):
            assert isinstance(convolution, nn.Conv1d)
            weights = convolution.weight.detach().permute(2, 1, 0).reshape(-1, convolution.out_channels)
            stored[f"w{i}"] = weights.numpy().astype(np.float16)
            assert convolution.bias is not None
            stored[f"b{i}"] = convolution.bias.detach().numpy().astype(np.float16)
        return stored


def train(frames: Frames, labels: Labels) -> Network:
    """The trained network; prints a line for each epoch."""
    torch.manual_seed(_SEED)
    network = Network()
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
    starts = np.arange(PAST, len(frames) - _CROP - AHEAD, _CROP)
    rng = np.random.default_rng(_SEED)
    steps = len(starts) // _BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, epochs=_EPOCHS, steps_per_epoch=steps)
    for epoch in range(_EPOCHS):
        order = rng.permutation(starts + rng.integers(0, _CROP) - _CROP // 2)
        losses, right = [], []
        for step in range(steps):
            at = np.clip(order[step * _BATCH : (step + 1) * _BATCH], PAST, len(frames) - _CROP - AHEAD)
            x = torch.from_numpy(np.stack([frames[a - PAST : a + _CROP + AHEAD].T for a in at]))
            want = torch.from_numpy(np.stack([labels[a : a + _CROP] for a in at]))
            logits = network(x)
            loss = functional.cross_entropy(logits, want, ignore_index=_NO_LABEL, label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
            right.append(((logits.argmax(1) == want).sum() / (want != _NO_LABEL).sum()).item())
        sys.stdout.write(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, frames right {np.mean(right):.1%}\n")
        sys.stdout.flush()
    return network


def main() -> None:
    torch.set_num_threads(1)
    began = time.perf_counter()
    lines = material()
    sounding = np.concatenate([frames[frames.max(axis=1) > LOUD] for frames, _ in lines])
    usual = sounding.mean(axis=0)
    frames, labels = joined(lines, usual)
    spoken = time.perf_counter()
    sys.stdout.write(f"{len(frames) * HOP_MS / 60_000:.0f} minutes of sound in {spoken - began:.0f} s\n")
    network = train(frames, labels)
    counts = np.bincount(labels[labels != _NO_LABEL], minlength=len(VISEMES))
    stored: dict[str, Any] = {**network.layers(), "prior": (counts / counts.sum()).astype(np.float32), "usual": usual}
    np.savez_compressed(WEIGHTS, **stored)
    sys.stdout.write(f"trained in {time.perf_counter() - spoken:.0f} s; {WEIGHTS.stat().st_size} bytes written\n")


if __name__ == "__main__":
    main()
