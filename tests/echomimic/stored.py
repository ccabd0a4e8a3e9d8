"""The reference's results as `record.py` stored them."""

import json
from functools import cache
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

PATH = Path(__file__).parent / "reference.safetensors"


@cache
def outputs() -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = load_file(PATH)
    return tensors


@cache
def sizes() -> dict[str, dict[str, tuple[int, ...]]]:
    """For each model, the names and shapes of its weights in the published checkpoint's form."""
    with safe_open(PATH, framework="pt") as file:
        stored = json.loads(file.metadata()["sizes"])
    return {model: {key: tuple(size) for key, size in keys.items()} for model, keys in stored.items()}
