"""The bench itself, small and on the CPU: that it runs and prints what it should, not how fast."""

import json
from pathlib import Path

import pytest
import torch

from tests.xtts.bench import Bench, report


def test_the_bench_prints_every_row(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The library and the engine, each number of voices, and JSON on the last line; a limit ends it early."""
    bench = Bench(weights, 12, limit_s=600)
    bench.library()
    bench.engine("eager fp32", torch.float32, graphs=False, voices=(1, 2))
    report(bench)
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [(row["variant"], row["voices"]) for row in printed["rows"]] == [
        ("library", 1), ("eager fp32", 1), ("eager fp32", 2),
    ]  # fmt: skip
    assert all(row["rtf"] > 0 and row["first_ms"] > 0 for row in printed["rows"])
    late = Bench(weights, 12, limit_s=0)
    late.engine("eager fp32", torch.float32, graphs=False, voices=(1, 2))
    assert late.rows == []
