"""Small models with random weights, stored as the published ones are."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from services.renderer.echomimic.networks.shape import Shape

TINY = Shape(
    layers=2,
    dim=48,
    ffn=96,
    heads=4,
    text_dim=32,
    text_len=24,
    image_dim=80,
    time_dim=32,
    audio_dim=32,
    audio_layers=2,
    audio_hidden=24,
    audio_tokens=4,
)

Sizes = Mapping[str, tuple[int, ...]]


def drawn(sizes: Sizes, seed: int) -> dict[str, Tensor]:
    """Random tensors of these shapes, the same for the same names on every machine: gains around 1, the rest scaled so
    that signals keep their size."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name in sorted(sizes):
        size = sizes[name]
        noise = torch.randn(size, generator=generator)
        if "norm" in name or name.endswith("gamma"):
            tensors[name] = noise * 0.1 + (0.0 if name.endswith("bias") else 1.0)
        else:
            tensors[name] = noise / math.sqrt(max(1, math.prod(size[1:]))) if len(size) > 1 else noise * 0.1
    return tensors


def noise(seed: int, *size: int) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def sizes_of(module: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
