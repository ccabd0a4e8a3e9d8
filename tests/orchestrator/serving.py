"""Small servers on free ports, and waiting for what tests look at."""

import asyncio
import contextlib
import inspect
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from services.common.errors import Problem, install_problem_handlers

DEADLINE_S = 10.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(true: Callable[[], object]) -> None:
    """Wait until it holds; it may have to be awaited."""
    async with asyncio.timeout(DEADLINE_S):
        # What a test looks at has no event of its own to wait for.
        while not (await seen if inspect.isawaitable(seen := true()) else seen):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class _Uvicorn(uvicorn.Server):
    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()  # the test runner's signals stay its own


class Server:
    """An app on a port of its own; it can be stopped and started again there."""

    def __init__(self, app: FastAPI, port: int | None = None) -> None:
        self.app, self.port = app, port or free_port()
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        config = uvicorn.Config(self.app, port=self.port, log_config=None, timeout_graceful_shutdown=0)
        server = self._server = _Uvicorn(config)
        self._task = asyncio.create_task(server.serve())
        await until(lambda: server.started)

    async def stop(self) -> None:
        """Every connection is cut."""
        if self._server and self._task:
            self._server.should_exit = True
            await asyncio.wait([self._task])
            self._server = self._task = None


class Fake:
    """What all of them have: an app, a server, and a switch that makes them not ready."""

    def __init__(self) -> None:
        self.app = FastAPI()
        install_problem_handlers(self.app)
        self.server = Server(self.app)
        self.not_ready: str | None = None

        @self.app.get("/readyz")
        async def readyz() -> dict[str, str]:
            if self.not_ready:
                raise Problem(503, self.not_ready)
            return {}
