"""The kernels against their torch twins, in Triton's interpreter: it needs no GPU, and a process of its own."""

import os
import subprocess
import sys

import pytest

COMPARE = """
import torch
from services.renderer.echomimic.networks import kernels
from services.renderer.echomimic.networks import fp8
from services.renderer.echomimic.networks.transformer import joined

torch.manual_seed(0)
for width in (96, 160, 64):
    x, branch = torch.randn(2, 5, width), torch.randn(2, 5, width)
    gate, scale, shift = torch.randn(2, 6, width).chunk(6, 1)[:3]
    for given in (
        (None, None, scale, shift, 1),
        (branch, gate, scale[0, 0], shift[0, 0], 0),
        (branch, None, scale, shift, 1),
    ):
        whole, normed = joined(x, *given, 1e-6)
        ours = kernels.joined(x, *given, 1e-6)
        torch.testing.assert_close(ours[0], whole)
        torch.testing.assert_close(ours[1], normed)
        eighth = fp8.scaled(normed)
        whole8, values, scales = kernels.joined_and_scaled(x, *given, 1e-6, fp8.FORMAT)
        torch.testing.assert_close(whole8, whole)
        torch.testing.assert_close(scales, eighth.scale)
        # The interpreter rounds a few of the values that carry into the next power of two otherwise than a GPU does.
        assert (values.float() == eighth.values.float()).float().mean() > 0.95
    hidden = 3 * torch.randn(7, width)
    values, scales = kernels.active(hidden, fp8.DIP, fp8.FORMAT)
    twin = fp8.active(hidden)
    torch.testing.assert_close(scales, twin.scale)
    assert (values.float() == twin.values.float()).float().mean() > 0.95
"""


def test_the_kernels_compute_what_torch_does() -> None:
    """Sums, norms and scales to rounding, 8-bit values but for the interpreter's own; widths of one and two parts."""
    pytest.importorskip("triton")
    env = os.environ | {"TRITON_INTERPRET": "1", "PYTHONWARNINGS": "ignore"}
    ran = subprocess.run([sys.executable, "-c", COMPARE], env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
