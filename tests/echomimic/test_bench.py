"""The bench itself, at tiny sizes on the CPU: that it runs and prints what it should, not how fast."""

import json

import pytest

from services.renderer.echomimic.networks.shape import Shape
from services.renderer.echomimic.recipe import Recipe
from tests.echomimic import bench


def test_the_bench_prints_every_section(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON on the last line, with a real-time factor for every recipe and a count of sessions."""
    bench.main(["--tiny", "--windows", "9", "--only", "passes,windows,sessions"])
    results = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(results["passes"]) == {"9 pictures, 1 row", "9 pictures, 2 rows"}
    assert set(results["windows"]) == {f"9/1, {name}" for name in bench.GUIDANCE}
    assert all(numbers["rtf"] > 0 and numbers["first_ms"] > 0 for numbers in results["windows"].values())
    assert "1 at once, 9/1, 8 steps, 4 guided, fp32" in results["sessions"]


def test_operations_of_the_published_size() -> None:
    """14 TFLOP for a pass of 13 pictures, counted by hand: products 341, attention 117 GFLOP, in each of 30 blocks."""
    assert bench.operations(Shape(), Recipe()) == pytest.approx(30 * (341e9 + 123e9), rel=0.01)


def test_without_a_gpu_it_says_so() -> None:
    """Not a traceback."""
    with pytest.raises(SystemExit, match="--tiny"):
        bench.main([])
