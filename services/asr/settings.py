"""Settings of the asr service."""

from typing import Annotated, Literal

from pydantic import Field

from services.common.complaints import ADDRESS_OR_BLANK, Spelled
from services.common.settings import Settings


class AsrSettings(Settings):
    """`.env` says what each key means."""

    asr_engine: Literal["whisper", "openai", "off"] = "whisper"
    asr_model: str = "tiny.en"
    asr_language: Annotated[str, Spelled("[a-z]{2,3}", "a code of two letters, such as en")] = "en"
    asr_threads: int = Field(default=1, ge=1, le=64)
    asr_sessions: int = Field(default=8, ge=1, le=1000)
    asr_openai_url: Annotated[str, ADDRESS_OR_BLANK] = ""
    asr_openai_model: str = ""
    asr_openai_key: str = Field(default="", repr=False)
    asr_pause_ms: int = Field(default=660, ge=200, le=5000)
    asr_unfinished_pause_ms: int = Field(default=1600, ge=200, le=10_000)
