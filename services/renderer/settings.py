"""The renderer's own settings."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from services.common.settings import Settings


class RendererSettings(Settings):
    """Which engine draws, whom, in which light, and for how many sessions at once."""

    render_engine: Literal["portrait", "echomimic"] = "portrait"
    avatar: str = "joe"
    style_prompt: str = "warm studio portrait, soft key light, teal and amber background"
    style_cfg: float = Field(default=2.5, ge=0, le=10)
    renderer_sessions: int = Field(default=8, ge=1, le=256)
    render_cache_dir: Path = Path(".run/portrait")

    render_fallback: Literal["", "portrait"] = ""
    models_dir: Path = Path("services/renderer/models")
    avatars_dir: Path = Path("services/renderer/avatars")
    echomimic_cache_dir: Path = Path(".run/echomimic")
    echomimic_size: int = Field(default=512, ge=64, le=1024)
    echomimic_window: Literal[9, 13, 25, 49] = 13
    echomimic_overlap: Literal[1, 5, 9] = 1
    echomimic_steps: int = Field(default=8, ge=1, le=50)
    echomimic_guided_steps: Annotated[tuple[int, ...], NoDecode] = (0, 1, 4, 5)
    echomimic_precision: Literal["bf16", "fp8"] = "bf16"
    echomimic_rows: Literal[2, 4, 8] = 2

    @field_validator("echomimic_window", "echomimic_overlap", "echomimic_rows", mode="before")
    @classmethod
    def _whole(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.strip().isdigit() else value

    @field_validator("echomimic_guided_steps", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value
