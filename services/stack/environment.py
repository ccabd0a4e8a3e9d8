"""The environment that every process gets: `.env`, then the variables of the shell, then what the caller overrides."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

ROOT = Path(__file__).parents[2]
"""The repository."""

RUN = ROOT / ".run"
"""What is built and kept between starts: the gateway's binary, the index, drawn layers, the token secret."""


def environment(overrides: Mapping[str, str] | None = None) -> dict[str, str]:
    """`.env` under the shell's variables under `overrides`; a blank TOKEN_SECRET becomes one that is kept in `.run`."""
    env = written() | os.environ
    env |= overrides or {}
    env["TOKEN_SECRET"] = env.get("TOKEN_SECRET") or kept_secret()
    env["PYTHONUNBUFFERED"] = "1"
    return env


def written() -> dict[str, str]:
    """What stands in `.env`."""
    return {key: value for key, value in dotenv_values(ROOT / ".env").items() if value is not None}


def kept_secret() -> str:
    """One secret for this copy, so that pages stay signed in when everything is restarted."""
    path = RUN / "token-secret"
    if not path.exists():
        RUN.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text().strip()
