"""The running product that the tests speak to: native processes, or containers: `STACK=compose`, `STACK=desktop`."""

import os
from pathlib import Path
from typing import Any, Protocol

from services.stack.compose import ComposeStack
from services.stack.local import LocalStack
from services.stack.processes import Process

COMPOSED = {"compose": (), "desktop": ("docker/compose.desktop.yml",)}
"""Values of `STACK` that mean containers, with the overrides to compose.yml."""

COMPOSE = os.environ.get("STACK") in COMPOSED


class Stack(Protocol):
    """What these tests need of it."""

    parts: dict[str, Process]
    env: dict[str, str]

    @property
    def url(self) -> str: ...

    def start(self, *names: str) -> None: ...

    def kill(self, name: str) -> None: ...

    def __enter__(self) -> "Stack": ...

    def __exit__(self, *error: Any) -> None: ...


def open_stack(folder: Path) -> Stack:
    """Entered, it starts everything; left, it leaves nothing behind."""
    return ComposeStack(folder, *COMPOSED[os.environ["STACK"]]) if COMPOSE else LocalStack(folder)
