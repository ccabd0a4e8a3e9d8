"""What every FastAPI service has: health, readiness, metrics, problem documents, a limit on bodies, logs, background
work."""

import asyncio
import contextlib
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp

from services.common.background import Background
from services.common.errors import Problem, RefusedBodies, install_problem_handlers
from services.common.logs import configure_logs
from services.common.settings import Settings

STARTUP_FAILED = 3
"""Exit status of a service that could not begin to listen; what uvicorn itself exits with."""

BACKGROUND_FAILED = 70
"""Exit status of a service whose background work failed: `EX_SOFTWARE` of sysexits.h."""

LAST_WORDS_S = 10.0
"""A service whose background work failed has so long to end in order; then it ends all the same."""

MAX_BODY = 64 * 1024
"""Bytes of a request's body, where a service or a route does not allow more."""

Check = Callable[[], Awaitable[str | None]]
"""A readiness check: None, or a sentence that says what is missing."""

Lifespan = Callable[[FastAPI, Background], AbstractAsyncContextManager[None]]
"""Owns what the service needs while it runs. It enters the `Background` itself, inside of what its work needs."""


def create_service(
    name: str,
    settings: Settings,
    *,
    lifespan: Lifespan,
    checks: Mapping[str, Check] | None = None,
    max_body_bytes: int = MAX_BODY,
) -> FastAPI:
    """An app with `/healthz`, `/readyz`, `/metrics`; `checks` maps a dependency's name to its readiness check."""
    checks = checks or {}
    background = Background()

    @asynccontextmanager
    async def with_logs(app: FastAPI) -> AsyncIterator[None]:
        configure_logs(name, settings)
        async with lifespan(app, background):
            yield

    app = _Service(title=f"FlashbackAvatars {name}", lifespan=with_logs, max_body_size=max_body_bytes)
    app.state.background = background
    install_problem_handlers(app)

    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """Alive."""
        return {"service": name, "status": "alive"}

    @app.get("/readyz", tags=["health"])
    async def readyz() -> dict[str, Any]:
        """Ready to work; 503 names what is missing, or what has failed."""
        if background.failure:
            raise Problem(503, background.failure, missing=["background"])
        found = await asyncio.gather(*(check() for check in checks.values()))
        missing = {dependency: why for dependency, why in zip(checks, found, strict=True) if why}
        if missing:
            raise Problem(503, "; ".join(f"{k}: {v}" for k, v in missing.items()), missing=list(missing))
        return {"service": name, "status": "ready"}

    @app.get("/metrics", tags=["health"], response_class=Response)
    async def metrics() -> Response:
        """Prometheus."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app


class _Service(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        return RefusedBodies(super().build_middleware_stack())


class _Server(uvicorn.Server):
    """Stops as the app's background work needs it, which `main` need not know of."""

    def __init__(self, config: uvicorn.Config, background: Background) -> None:
        super().__init__(config)
        self._background = background
        background.when_failed(self._end)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Before it waits for open streams: they end only if the app ends them.
        self._background.stopping()
        await super().shutdown(sockets)

    def _end(self) -> None:
        self.should_exit = True
        last = threading.Timer(LAST_WORDS_S, os._exit, [BACKGROUND_FAILED])
        last.daemon = True
        last.start()


def serve(app: FastAPI, settings: Settings, port: int, *, host: str | None = None) -> None:
    """Run the app until SIGTERM or SIGINT, on `HOST` unless told otherwise, at the port moved by `PORT_OFFSET`.

    Exits with `BACKGROUND_FAILED` once kept background work has failed.
    """
    config = uvicorn.Config(
        app,
        host=host or settings.host,
        port=settings.port(port),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
        ws_max_size=64 * 1024,
    )
    background: Background = app.state.background
    server = _Server(config, background)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if background.failure:
        sys.exit(BACKGROUND_FAILED)
    if not server.started:
        sys.exit(STARTUP_FAILED)
