"""Settings that all services share: their addresses, the secret of tokens, logging.

One key, one meaning: every key stands with a comment in `.env`; a variable of the environment wins over the file. Each
service extends `Settings` with its own keys in its own `settings.py`.
"""

import sys
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.common.complaints import complaint, field_of


class Settings(BaseSettings):
    """`PORT_OFFSET` moves all ports as a block: take a port through `port`, an address through its method."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    port_offset: int = 0
    host: str = "127.0.0.1"  # what internal services listen on and are reached at

    orchestrator_port: int = 8080
    sfu_port: int = 7001
    rag_port: int = 8000
    tts_port: int = 7000
    renderer_port: int = 9000
    asr_port: int = 6000
    redis_port: int = 6379

    # Blank: the port above on `host`. In containers each service is named by its own address.
    redis_url: str = ""
    rag_url: str = ""
    tts_url: str = ""
    renderer_url: str = ""
    sfu_url: str = ""
    asr_url: str = ""

    token_secret: str = Field(default="", repr=False)
    token_secret_file: str = ""
    buffer_seconds: float = Field(default=2.5, gt=0, le=30)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"

    @model_validator(mode="before")
    @classmethod
    def _secret_from_its_file(cls, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("token_secret") or not (file := given.get("token_secret_file")):
            return given
        try:
            return given | {"token_secret": Path(file).read_text("utf-8").strip()}
        except (OSError, ValueError) as error:
            raise ValueError(f"TOKEN_SECRET_FILE cannot be read ({error})") from error

    def port(self, configured: int) -> int:
        """The port that is listened on: the configured one moved by `PORT_OFFSET`."""
        return configured + self.port_offset

    def redis_address(self) -> str:
        """The URL of Redis, with its database. The methods below give the services' URLs, without a final slash."""
        return self.redis_url or f"redis://{self.host}:{self.port(self.redis_port)}/0"

    def rag_address(self) -> str:
        return self._http(self.rag_url, self.rag_port)

    def tts_address(self) -> str:
        return self._http(self.tts_url, self.tts_port)

    def renderer_address(self) -> str:
        return self._http(self.renderer_url, self.renderer_port)

    def asr_address(self) -> str:
        return self._http(self.asr_url, self.asr_port)

    def sfu_address(self) -> str:
        return self._http(self.sfu_url, self.sfu_port)

    def _http(self, url: str, port: int) -> str:
        return url.rstrip("/") or f"http://{self.host}:{self.port(port)}"


AnySettings = TypeVar("AnySettings", bound=Settings)


def read_settings(settings: type[AnySettings]) -> AnySettings:
    """The settings, from the environment and `.env`. Exits, with a sentence for each key that is wrong."""
    try:
        return settings()
    except ValidationError as error:
        sys.exit("\n".join(complaints(error)))


def complaints(error: ValidationError) -> list[str]:
    """One sentence for each key that is wrong."""
    sentences = []
    for e in error.errors():
        key = field_of(e).upper()
        # A secret that is refused must not end up in a terminal's history or a log.
        shown = "." if key.endswith(("SECRET", "KEY")) else f", but it is {e['input']!r:.60}."
        sentences.append(complaint(e, key) + (shown if key else "."))
    return sentences
