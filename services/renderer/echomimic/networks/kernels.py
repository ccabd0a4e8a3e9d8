"""Kernels in Triton, for what the compiler makes slowly: a row is read once, worked on, and written once.

The width of a row is held as two powers of two (1536 = 1024 + 512, 8960 = 8192 + 1024 with a few idle), so that hardly
a lane of the GPU is without work. Their torch twins are in `transformer.py` and `fp8.py`; they compute in fp32.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

WARPS_FOR = {2048: 4, 16384: 8}
"""Warps that share a row, by the width up to which so many do."""


def _halves(width: int) -> dict[str, int]:
    main = 1 << (width.bit_length() - 1)
    warps = next(warps for most, warps in WARPS_FOR.items() if width <= most)
    return {"width": width, "main": main, "rest": triton.next_power_of_2(max(width - main, 1)), "num_warps": warps}


@triton.jit
def _joined(
    x,
    branch,
    gate,
    scale,
    shift,
    whole,
    normed,
    rows_scale,
    around,
    eps,
    largest,
    length,
    gate_step,
    step,
    branches: tl.constexpr,
    gated: tl.constexpr,
    scaled: tl.constexpr,
    width: tl.constexpr,
    main: tl.constexpr,
    rest: tl.constexpr,
):
    row = tl.program_id(0)
    start = row.to(tl.int64) * width
    a = tl.arange(0, main)
    b = main + tl.arange(0, rest)
    there = b < width
    xa = tl.load(x + start + a).to(tl.float32)
    xb = tl.load(x + start + b, mask=there, other=0).to(tl.float32)
    item = row // length
    if branches:
        ya = tl.load(branch + start + a).to(tl.float32)
        yb = tl.load(branch + start + b, mask=there, other=0).to(tl.float32)
        if gated:
            ya *= tl.load(gate + item * gate_step + a).to(tl.float32)
            yb *= tl.load(gate + item * gate_step + b, mask=there, other=0).to(tl.float32)
        # What is kept is rounded; what is normalised is what is kept.
        xa = (xa + ya).to(whole.dtype.element_ty)
        xb = (xb + yb).to(whole.dtype.element_ty)
        tl.store(whole + start + a, xa)
        tl.store(whole + start + b, xb, mask=there)
        xa = xa.to(tl.float32)
        xb = xb.to(tl.float32)
    mean = (tl.sum(xa, 0) + tl.sum(xb, 0)) / width
    xa -= mean
    xb = tl.where(there, xb - mean, 0)
    inverse = tl.rsqrt((tl.sum(xa * xa, 0) + tl.sum(xb * xb, 0)) / width + eps)
    xa = xa * inverse * (around + tl.load(scale + item * step + a).to(tl.float32))
    xb = xb * inverse * (around + tl.load(scale + item * step + b, mask=there, other=0).to(tl.float32))
    xa += tl.load(shift + item * step + a).to(tl.float32)
    xb += tl.load(shift + item * step + b, mask=there, other=0).to(tl.float32)
    if scaled:
        top = tl.maximum(tl.maximum(tl.max(tl.abs(xa), 0), tl.max(tl.abs(xb), 0)), 1e-12) / largest
        tl.store(rows_scale + row, top)
        xa /= top
        xb /= top
    tl.store(normed + start + a, xa.to(normed.dtype.element_ty))
    tl.store(normed + start + b, xb.to(normed.dtype.element_ty), mask=there)


def joined(
    x: Tensor,
    branch: Tensor | None,
    gate: Tensor | None,
    scale: Tensor,
    shift: Tensor,
    around: float,
    eps: float,
) -> tuple[Tensor, Tensor]:
    """`transformer.Join`."""
    parts = _join(x, branch, gate, scale, shift, float(around), eps, None)
    return x if branch is None else parts[1], parts[0]


def joined_and_scaled(
    x: Tensor,
    branch: Tensor | None,
    gate: Tensor | None,
    scale: Tensor,
    shift: Tensor,
    around: float,
    eps: float,
    eighth: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor]:
    """The same with what is normalised in `eighth`, an 8-bit format, and the scale of each row, [rows · length, 1]."""
    normed, scales, *whole = _join(x, branch, gate, scale, shift, float(around), eps, eighth)
    return whole[0] if whole else x, normed, scales


# To the compiler these are operations that it knows nothing of but the shapes; a graph replays what they launched.
@torch.library.custom_op("flashback::join", mutates_args=())
def _join(
    x: Tensor,
    branch: Tensor | None,
    gate: Tensor | None,
    scale: Tensor,
    shift: Tensor,
    around: float,
    eps: float,
    eighth: torch.dtype | None,
) -> list[Tensor]:
    """What is normalised, the scales of its rows if it is in 8 bits, and the sum if there is a branch."""
    rows, length, width = x.shape
    x = x.contiguous()
    parts = _join_shapes(x, branch, gate, scale, shift, around, eps, eighth)
    normed = parts[0]
    _joined[(rows * length,)](
        x,
        x if branch is None else branch.contiguous(),
        x if gate is None else gate,
        scale,
        shift,
        x if branch is None else parts[-1],
        normed,
        parts[1] if eighth else normed,
        around,
        eps,
        torch.finfo(eighth).max if eighth else 1.0,
        length,
        0 if gate is None else gate.stride(0),
        scale.stride(0) if scale.dim() > 1 else 0,
        branches=branch is not None,
        gated=gate is not None,
        scaled=eighth is not None,
        **_halves(width),
    )
    return parts


@_join.register_fake
def _join_shapes(
    x: Tensor,
    branch: Tensor | None,
    gate: Tensor | None,
    scale: Tensor,
    shift: Tensor,
    around: float,
    eps: float,
    eighth: torch.dtype | None,
) -> list[Tensor]:
    parts = [x.new_empty(x.shape, dtype=eighth or x.dtype)]
    if eighth:
        parts.append(x.new_empty((x.shape[0] * x.shape[1], 1), dtype=torch.float32))
    if branch is not None:
        parts.append(x.new_empty(x.shape))
    return parts


@triton.jit
def _gelu(x):
    # The tanh approximation, written with the logistic function: x · σ(2·√(2/π)·(x + 0.044715·x³)).
    return x * tl.sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x))


@triton.jit
def _active(hidden, active, scales, dip, largest, width: tl.constexpr, main: tl.constexpr, rest: tl.constexpr):
    row = tl.program_id(0)
    start = row.to(tl.int64) * width
    a = tl.arange(0, main)
    b = main + tl.arange(0, rest)
    there = b < width
    xa = tl.load(hidden + start + a).to(tl.float32)
    xb = tl.load(hidden + start + b, mask=there, other=0).to(tl.float32)
    # GELU is never above its input, nor deeper than its dip: the scale is known before it is computed.
    scale = tl.maximum(tl.maximum(tl.max(xa, 0), tl.max(xb, 0)), dip) / largest
    tl.store(scales + row, scale)
    inverse = 1 / scale
    tl.store(active + start + a, (_gelu(xa) * inverse).to(active.dtype.element_ty))
    tl.store(active + start + b, (_gelu(xb) * inverse).to(active.dtype.element_ty), mask=there)


@torch.library.custom_op("flashback::active", mutates_args=())
def active(hidden: Tensor, dip: float, eighth: torch.dtype) -> tuple[Tensor, Tensor]:
    """`fp8.active`: [tokens, width] -> GELU of it in the 8-bit format, and the scale of each row, [tokens, 1]."""
    hidden = hidden.contiguous()
    values, scales = _active_shapes(hidden, dip, eighth)
    _active[(len(hidden),)](hidden, values, scales, dip, torch.finfo(eighth).max, **_halves(hidden.shape[1]))
    return values, scales


@active.register_fake
def _active_shapes(hidden: Tensor, dip: float, eighth: torch.dtype) -> tuple[Tensor, Tensor]:
    return hidden.new_empty(hidden.shape, dtype=eighth), hidden.new_empty((len(hidden), 1), dtype=torch.float32)
