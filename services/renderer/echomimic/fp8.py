"""Matrix products in 8-bit floats: twice the rate of bf16 on GPUs that have them (compute capability 8.9 and up).

Weights are scaled by output channel, once; activations by token, as they come.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.renderer.echomimic.transformer import Transformer

FORMAT = torch.float8_e4m3fn
LARGEST = torch.finfo(FORMAT).max


def scaled(x: Tensor) -> tuple[Tensor, Tensor]:
    """[..., C] -> 8-bit values and the fp32 scale of each row, [..., 1]."""
    scale = x.abs().amax(-1, keepdim=True).float().clamp(min=1e-12) / LARGEST
    return (x.float() / scale).clamp(-LARGEST, LARGEST).to(FORMAT), scale


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

    def forward(self, x: Tensor) -> Tensor:
        return self.product(*scaled(x.flatten(0, -2))).unflatten(0, x.shape[:-1])


class Fp8Feed(nn.Module):
    """Stands in for a block's two products with GELU between them.

    The hidden values are scaled by what GELU cannot exceed (its input's largest, or the depth of its dip), so that it
    is computed once and not twice, for the scale and for the value.
    """

    DIP = 0.17

    def __init__(self, first: nn.Linear, second: nn.Linear) -> None:
        super().__init__()
        self.first, self.second = Fp8Linear(first), Fp8Linear(second)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x).flatten(0, -2)
        scale = hidden.amax(-1, keepdim=True).float().clamp(min=self.DIP) / LARGEST
        active = functional.gelu(hidden.float(), approximate="tanh") / scale
        return self.second.product(active.clamp(-LARGEST, LARGEST).to(FORMAT), scale).unflatten(0, x.shape[:-1])


def use_fp8(transformer: Transformer) -> None:
    """The products that are computed for every token at every step; the rest is small, or done once a window."""
    for block in transformer.blocks:
        block.self_attn.qkv, block.self_attn.o = Fp8Linear(block.self_attn.qkv), Fp8Linear(block.self_attn.o)
        block.cross_attn.q, block.cross_attn.o = Fp8Linear(block.cross_attn.q), Fp8Linear(block.cross_attn.o)
        block.ffn = Fp8Feed(block.ffn[0], block.ffn[2])
