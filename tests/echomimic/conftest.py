"""These tests need the engine's own environment (make test-echomimic); where there is no torch they say so."""

from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

if find_spec("torch") is None:

    class WithoutTorch(pytest.Module):
        def collect(self) -> NoReturn:
            pytest.skip("needs torch: make test-echomimic runs it", allow_module_level=True)

    def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
        return WithoutTorch.from_parent(parent, path=module_path)

else:
    import torch

    torch.set_num_threads(1)  # small models lose more to the handing over than they gain
