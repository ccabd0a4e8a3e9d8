"""The renderer's own settings."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from services.common.settings import Settings


class RendererSettings(Settings):
    """Which engine draws, whom, in which light, and for how many sessions at once."""

    render_engine: Literal["portrait", "echomimic"] = "portrait"
    avatar: str = "joe"
    style_prompt: str = "warm studio portrait, soft key light, teal and amber background"
    style_cfg: float = Field(default=2.5, ge=0, le=10)
    renderer_sessions: int = Field(default=8, ge=1, le=256)
    render_cache_dir: Path = Path(".run/portrait")
