"""8-bit products: what they lose, worked out by hand where there is no GPU to multiply them."""

import pytest
import torch

from services.renderer.echomimic.networks.fp8 import FORMAT, Fp8Feed, Fp8Linear, scaled
from tests.echomimic.tiny import noise


def test_rows_keep_their_own_scale() -> None:
    """A quiet row beside a loud one loses no more than 1/16 of a value: three bits of mantissa."""
    x = noise(1, 4, 64) * torch.tensor([1e-4, 1.0, 1e3, 1.0])[:, None]
    values, scale = scaled(x)
    assert values.dtype == FORMAT
    back = values.float() * scale
    loud = x.abs() > x.abs().amax(1, keepdim=True) / 100
    assert ((back - x).abs() / x.abs())[loud].max() <= 1 / 16


def multiplied(layer: Fp8Linear, rows: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """What `Fp8Linear.product` asks of the GPU."""
    return (rows.float() @ layer.weight.float().t()) * scale * layer.scale + layer.bias


def test_a_product_and_a_feed_forward_stay_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against full precision, on inputs with outliers: within 5 percent of the whole."""
    monkeypatch.setattr(Fp8Linear, "product", multiplied)
    torch.manual_seed(0)
    first, second = torch.nn.Linear(64, 128), torch.nn.Linear(128, 64)
    x = noise(2, 3, 10, 64)
    x[..., 5] *= 20
    exact = first(x)
    assert (Fp8Linear(first)(x) - exact).norm() / exact.norm() < 0.05
    whole = second(torch.nn.functional.gelu(exact, approximate="tanh"))
    feed = Fp8Feed(first, second)(x)
    assert feed.shape == whole.shape
    assert (feed - whole).norm() / whole.norm() < 0.05
