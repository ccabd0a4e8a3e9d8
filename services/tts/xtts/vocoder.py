"""Latents to sound, in windows that join sample for sample.

The library decodes everything anew with each chunk and fades the chunks into each other. Here each window is decoded
with as many frames around it as its convolutions reach, so that it holds the very samples of the whole utterance.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils import parametrize


@dataclass(frozen=True, slots=True)
class VocoderWindow:
    """Frames `begin` to `end` of an utterance; `ended`: its latents ([tokens, width]) are complete."""

    latents: torch.Tensor
    speaker: torch.Tensor
    begin: int
    end: int
    ended: bool


class Vocoder:
    """A latent is stretched to `stretch` × `resample` frames, a frame is `hop` samples at `rate` Hz."""

    def __init__(self, decoder: Any) -> None:
        """`decoder`: the library's HiFi-GAN decoder, loaded; its weight norms are folded in."""
        self._generator = decoder.waveform_decoder
        for module in self._generator.modules():
            if parametrize.is_parametrized(module, "weight"):
                parametrize.remove_parametrizations(module, "weight")
        self.rate: int = decoder.output_sample_rate
        self.hop: int = decoder.output_hop_length
        self._stretch = decoder.ar_mel_length_compression // decoder.output_hop_length
        self._resample = decoder.output_sample_rate / decoder.input_sample_rate
        self.reach = reach(self._generator)

    def frames(self, tokens: int, *, ended: bool) -> int:
        """How many frames can be sounded once so many tokens are known."""
        if ended:
            return math.floor(self._stretch * tokens * self._resample)
        known = self._stretch * (tokens - 1) + self._stretch // 2
        return max(math.ceil((known - 0.5) * self._resample - 0.5) - self.reach, 0)

    @torch.inference_mode()
    def sound(self, windows: Sequence[VocoderWindow]) -> list[NDArray[np.float32]]:
        """Each window's samples, in [-1, 1]. Windows of the same shape are decoded together."""
        alike: dict[tuple[int, int], list[int]] = defaultdict(list)
        spans = []
        for index, window in enumerate(windows):
            total = self.frames(len(window.latents), ended=window.ended) + (0 if window.ended else self.reach)
            span = max(window.begin - self.reach, 0), min(window.end + self.reach, total)
            spans.append(span)
            alike[window.begin - span[0], span[1] - span[0]].append(index)
        sounds: dict[int, NDArray[np.float32]] = {}
        for (before, _), indices in alike.items():
            frames = torch.stack([self._stretched(windows[i].latents, *spans[i]) for i in indices])
            speakers = torch.cat([windows[i].speaker for i in indices])
            wave = self._generator(frames, g=speakers)[:, 0].float().cpu().numpy()
            for i, samples in zip(indices, wave, strict=True):
                length = windows[i].end - windows[i].begin
                sounds[i] = samples[before * self.hop : (before + length) * self.hop]
        return [sounds[i] for i in range(len(windows))]

    def _stretched(self, latents: torch.Tensor, begin: int, end: int) -> torch.Tensor:
        """Frames `begin` to `end`, [width, frames]: both of the library's linear interpolations."""
        at = _between(torch.arange(begin, end, device=latents.device), self._resample, self._stretch * len(latents))
        mids = [self._mid(latents, index) for index in at[:2]]
        return torch.lerp(mids[0], mids[1], at[2][:, None]).t()

    def _mid(self, latents: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        low, high, share = _between(index, self._stretch, len(latents))
        return torch.lerp(latents[low], latents[high], share[:, None])


def _between(index: torch.Tensor, scale: float, length: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """As `interpolate(mode="linear")` reads them `scale` times as densely: two indices, the second's share."""
    at = ((index.float() + 0.5) * torch.tensor(1 / scale, dtype=torch.float32) - 0.5).clamp(min=0)
    low = at.long().clamp(max=length - 1)
    return low, (low + 1).clamp(max=length - 1), at - low


def reach(generator: Any) -> int:
    """How many frames to either side a frame's samples depend on, by the convolutions' sizes."""
    frames = generator.conv_pre.kernel_size[0] // 2 + 0.0
    scale = 1
    blocks = iter(generator.resblocks)
    for up in generator.ups:
        frames += math.ceil(up.kernel_size[0] / up.stride[0] / 2) / scale
        scale *= up.stride[0]
        widest = 0
        for _ in range(generator.num_kernels):
            convolutions = [c for c in next(blocks).modules() if isinstance(c, torch.nn.Conv1d)]
            widest = max(widest, sum(c.dilation[0] * (c.kernel_size[0] - 1) // 2 for c in convolutions))
        frames += widest / scale
    return math.ceil(frames + generator.conv_post.kernel_size[0] // 2 / scale)
