"""Checkpoint files: read by the keys they were published with, refused with a sentence that names what is wrong."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from services.renderer.engine import EngineUnavailableError

FETCH = "python -m services.renderer.models fetch"


class WeightsError(EngineUnavailableError):
    """Weights are missing or are not what the engine reads; the message names the file, the key or the shape."""


class Checkpoint(Mapping[str, Tensor]):
    """A `.safetensors` or PyTorch file. Tensors are read when they are asked for, onto the CPU."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Any = None
        if not path.is_file():
            raise WeightsError(f"{path} is missing: fetch the weights with `{FETCH}`.")
        try:
            if path.suffix == ".safetensors":
                self._file = safe_open(path, framework="pt")
                self._keys = tuple(self._file.keys())
            else:
                stored = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
                self._tensors: dict[str, Tensor] = stored.get("state_dict", stored)
                self._keys = tuple(self._tensors)
        except (SafetensorError, RuntimeError, OSError, ValueError, EOFError) as error:
            what = str(error).splitlines()[0]
            raise WeightsError(f"{path} cannot be read ({what}): delete it and run `{FETCH}`.") from error

    def __getitem__(self, key: str) -> Tensor:
        if key not in self._keys:
            raise WeightsError(f"{self.path} has no {key}: it is not the checkpoint that this engine reads.")
        return self._tensors[key] if self._file is None else self._file.get_tensor(key)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def size(self, key: str) -> tuple[int, ...]:
        """A tensor's shape, without reading it."""
        if self._file is not None and key in self._keys:
            return tuple(self._file.get_slice(key).get_shape())
        return tuple(self[key].shape)

    def count(self, prefix: str) -> int:
        """How many numbered parts there are: `prefix`0., `prefix`1., …"""
        numbers = {key[len(prefix) :].split(".")[0] for key in self._keys if key.startswith(prefix)}
        return len([number for number in numbers if number.isdigit()])


def fill(module: nn.Module, tensors: Mapping[str, Tensor], source: Path, device: str, dtype: torch.dtype) -> None:
    """Put `tensors`, named as the module names them, into a module that may be on `meta`; frozen, in inference mode.

    Raises `WeightsError` for a key that is missing or has another shape; keys beyond the module's are left out.
    """
    wanted = module.state_dict()
    ready = {}
    for key, place in wanted.items():
        if key not in tensors:
            raise WeightsError(f"{source} has nothing for {key}: it is not the checkpoint that this engine reads.")
        tensor = tensors[key]
        if tensor.shape != place.shape:
            raise WeightsError(
                f"{source}: {key} has the shape {list(tensor.shape)}, where {list(place.shape)} is needed."
            )
        ready[key] = tensor.to(device, dtype)
    module.load_state_dict(ready, assign=True)
    module.eval().requires_grad_(False)
