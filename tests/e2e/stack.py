"""The running product that the tests speak to: native processes, or with `STACK=compose` the containers."""

import os
from pathlib import Path
from typing import Any, Protocol

from services.stack.compose import ComposeStack
from services.stack.local import LocalStack
from services.stack.processes import Process

COMPOSE = os.environ.get("STACK") == "compose"


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
    return ComposeStack(folder) if COMPOSE else LocalStack(folder)
