"""EchoMimic v3, the engine for a GPU. It is not available yet, and says so at start, not at the first session."""

from services.renderer.engine import Engine
from services.renderer.engines import EngineUnavailableError


def open_echomimic() -> Engine:
    """Raises `EngineUnavailableError`: a renderer that cannot draw must not start."""
    raise EngineUnavailableError(
        "RENDER_ENGINE=echomimic is not available yet: set RENDER_ENGINE=portrait, which draws on the CPU."
    )
