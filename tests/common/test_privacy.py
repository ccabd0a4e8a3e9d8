"""What runs on the machine stays on it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.stack.environment import ROOT

LOADS_A_MODEL = """
from services.rag_llm.settings import read_config
from services.rag_llm.index.embedding.factory import open_embedder
open_embedder(read_config()).embed(["hello"])
"""


@pytest.mark.parametrize("telling", [True, False])
def test_onnxruntime_is_told_to_report_nothing(tmp_path: Path, telling: bool) -> None:
    """Its telemetry, on by default, keeps an identifier in the home folder; with ours loaded first there is none."""
    env = {key: value for key, value in os.environ.items() if key not in ("CI", "ORT_DISABLE_TELEMETRY")}
    env["HOME"] = str(tmp_path)
    program = LOADS_A_MODEL if telling else "import onnxruntime; onnxruntime.get_available_providers()"
    program += "\nimport onnxruntime; onnxruntime.SessionOptions()"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, check=True, timeout=60)
    assert any(tmp_path.rglob("*onnxruntime*")) is not telling
