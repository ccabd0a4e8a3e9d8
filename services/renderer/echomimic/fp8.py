"""Matrix products in 8-bit floats: twice the rate of bf16 on GPUs that have them (compute capability 8.9 and up).

Weights are scaled by output channel, once; activations by token, as they come.
"""

import torch
from torch import Tensor, nn

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

    def forward(self, x: Tensor) -> Tensor:
        rows, scale = scaled(x.flatten(0, -2))
        out = torch._scaled_mm(
            rows, self.weight.t(), scale, self.scale, bias=self.bias, out_dtype=x.dtype, use_fast_accum=True
        )
        return out.unflatten(0, x.shape[:-1])


def use_fp8(transformer: Transformer) -> None:
    """The products that are computed for every token at every step; the rest is small, or done once a window."""
    for block in transformer.blocks:
        for parent, names in ((block.self_attn, "qkvo"), (block.cross_attn, "qo"), (block.ffn, "02")):
            for name in names:
                setattr(parent, name, Fp8Linear(getattr(parent, name)))
