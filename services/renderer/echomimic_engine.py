"""The way into EchoMimic v3, the engine for a GPU, which `echomimic/` holds; docs/echomimic.md tells how it works.

Whatever is missing is said at start, not at the first session: the environment, a GPU, its memory, a file, a portrait.
"""

import os

from services.renderer.engine import Engine, EngineUnavailableError
from services.renderer.settings import RendererSettings

MEMORY = 16e9
"""Bytes of GPU memory that the engine takes at most once it has started; the text encoder, at start, takes less."""


def open_echomimic(settings: RendererSettings) -> Engine:
    """The engine, ready. Takes minutes at the first start. Raises `EngineUnavailableError`."""
    try:
        import torch
    except ImportError as error:
        raise EngineUnavailableError(
            "RENDER_ENGINE=echomimic needs its own environment: make setup-echomimic, then make up; "
            "RENDER_FALLBACK=portrait starts with the drawn face instead."
        ) from error
    if not torch.cuda.is_available():
        raise EngineUnavailableError(
            "RENDER_ENGINE=echomimic needs an NVIDIA GPU, and PyTorch finds none here; RENDER_FALLBACK=portrait "
            "starts with the drawn face instead."
        )
    free, _ = torch.cuda.mem_get_info()
    if free < MEMORY:
        raise EngineUnavailableError(
            f"RENDER_ENGINE=echomimic needs {MEMORY / 1e9:.0f} GB of GPU memory, and {free / 1e9:.1f} GB are free."
        )
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str((settings.echomimic_cache_dir / "compiled").resolve()))
    from services.renderer.echomimic.engine import EchoMimicEngine

    try:
        return EchoMimicEngine(settings, "cuda")
    except torch.cuda.OutOfMemoryError as error:
        raise EngineUnavailableError("The GPU's memory ran out while EchoMimic v3 started.") from error
