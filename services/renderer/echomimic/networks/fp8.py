"""Matrix products in 8-bit floats: twice the rate of bf16 on GPUs that have them (compute capability 8.9 and up).

Weights are scaled by output channel, once; activations by token, as they come.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.renderer.echomimic.networks.transformer import Transformer, joined

FORMAT = torch.float8_e4m3fn
LARGEST = torch.finfo(FORMAT).max

DIP = 0.17
"""GELU is never below minus this, and never above its input."""


class Scaled(NamedTuple):
    """8-bit values [..., C] and the fp32 scale of each token [tokens, 1]."""

    values: Tensor
    scale: Tensor


def scaled(x: Tensor) -> Scaled:
    """[..., C] -> the same in 8 bits."""
    scale = x.abs().amax(-1, keepdim=True).float().clamp(min=1e-12) / LARGEST
    return Scaled((x.float() / scale).clamp(-LARGEST, LARGEST).to(FORMAT), scale.view(-1, 1))


def joined_and_scaled(
    x: Tensor, branch: Tensor | None, gate: Tensor | None, scale: Tensor, shift: Tensor, around: float, eps: float
) -> tuple[Tensor, Scaled]:
    """`transformer.Join`, for products in 8 bits."""
    if x.is_cuda:
        from services.renderer.echomimic.networks import kernels

        whole, normed, scales = kernels.joined_and_scaled(x, branch, gate, scale, shift, around, eps, FORMAT)
        return whole, Scaled(normed, scales)
    whole, normed = joined(x, branch, gate, scale, shift, around, eps)
    return whole, scaled(normed)


def active(hidden: Tensor) -> Scaled:
    """GELU of [tokens, C], scaled by what it cannot exceed: the scale is known before the values are."""
    if hidden.is_cuda:
        from services.renderer.echomimic.networks import kernels

        return Scaled(*kernels.active(hidden, DIP, FORMAT))
    scale = hidden.amax(-1, keepdim=True).float().clamp(min=DIP) / LARGEST
    values = functional.gelu(hidden.float(), approximate="tanh") / scale
    return Scaled(values.clamp(-LARGEST, LARGEST).to(FORMAT), scale)


class Fp8Linear(nn.Module):
    """Stands in for an `nn.Linear` with bias."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight, scale = scaled(linear.weight.detach())
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale.t().contiguous())
        self.bias = linear.bias

    def product(self, rows: Tensor, scale: Tensor) -> Tensor:
        """8-bit [tokens, C] and its scale [tokens, 1] -> [tokens, out]."""
        return torch._scaled_mm(
            rows, self.weight.t(), scale, self.scale, bias=self.bias, out_dtype=self.bias.dtype, use_fast_accum=True
        )

    def forward(self, x: Tensor | Scaled) -> Tensor:
        """[..., C], or the same in 8 bits -> [..., out]."""
        values, scale = x if isinstance(x, Scaled) else scaled(x)
        return self.product(values.flatten(0, -2), scale).unflatten(0, values.shape[:-1])


class Fp8Feed(nn.Module):
    """Stands in for a block's two products with GELU between them."""

    def __init__(self, first: nn.Linear, second: nn.Linear) -> None:
        super().__init__()
        self.first, self.second = Fp8Linear(first), Fp8Linear(second)

    def forward(self, x: Tensor | Scaled) -> Tensor:
        """[..., C], or the same in 8 bits -> [..., C]."""
        hidden = self.first(x)
        return self.second(active(hidden.flatten(0, -2))).unflatten(0, hidden.shape[:-1])


def use_fp8(transformer: Transformer) -> None:
    """The products that are computed for every token at every step; the rest is small, or done once a window."""
    for block in transformer.blocks:
        block.join = joined_and_scaled
        block.self_attn.qkv, block.self_attn.o = Fp8Linear(block.self_attn.qkv), Fp8Linear(block.self_attn.o)
        block.cross_attn.q, block.cross_attn.o = Fp8Linear(block.cross_attn.q), Fp8Linear(block.cross_attn.o)
        block.ffn = Fp8Feed(block.ffn[0], block.ffn[2])
