"""Settings of the tts service."""

from typing import Literal

from pydantic import Field

from services.common.settings import Settings


class TtsSettings(Settings):
    """What each is for stands in `.env`."""

    tts_engine: Literal["piper", "espeak", "xtts"] = "piper"
    tts_fallback: Literal["", "piper"] = ""
    tts_voice: str = "joe"
    tts_threads: int = Field(default=1, ge=1, le=64)
    tts_cache_dir: str = ".run/tts"
    voices_dir: str = "services/tts/voices"
    xtts_dir: str = "services/tts/models/xtts"
    xtts_voices: int = Field(default=16, ge=1, le=64)
