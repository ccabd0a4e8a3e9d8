"""The orchestrator's settings."""

import socket
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from services.common.settings import Settings

TOKEN_SECRET_LENGTH = 32


class OrchestratorSettings(Settings):
    """Keys of `.env` that only the orchestrator reads, beside the shared ones."""

    orchestrator_bind: str = "127.0.0.1"
    public_url: str = ""
    session_linger_seconds: float = Field(default=30, ge=0)
    ice_urls: str = ""
    turn_secret: str = Field(default="", repr=False)
    cors_origins: str = ""
    allowed_hosts: str = ""

    @model_validator(mode="after")
    def _secrets_are_there(self) -> Self:
        if len(self.token_secret) < TOKEN_SECRET_LENGTH:
            raise ValueError(f"TOKEN_SECRET needs {TOKEN_SECRET_LENGTH} characters or more; it signs the join tokens")
        if any(url.startswith(("turn:", "turns:")) for url in self.ice()) and not self.turn_secret:
            raise ValueError("ICE_URLS names a TURN server but TURN_SECRET is blank; browsers refuse TURN without one")
        return self

    def ice(self) -> list[str]:
        """STUN and TURN URLs for browsers."""
        return _listed(self.ice_urls)

    def origins(self) -> list[str]:
        """Origins of pages on other hosts that may call the API."""
        return _listed(self.cors_origins)

    def hosts(self) -> list[str]:
        """Names of the internet that this machine may be called by."""
        own = (urlsplit(self.public_url).hostname or "", socket.gethostname())
        return [name.lower() for name in (*_listed(self.allowed_hosts), *own) if name]


def _listed(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]
