"""These tests need the engine's own environment (make test-xtts); where there is no torch they say so."""

from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

if find_spec("torch") is None:

    class WithoutTorch(pytest.Module):
        def collect(self) -> NoReturn:
            pytest.skip("needs torch: make test-xtts runs it", allow_module_level=True)

    def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
        return WithoutTorch.from_parent(parent, path=module_path)

else:
    from tests.xtts.service import foretold, tts, weights  # noqa: F401 - fixtures, which need torch
