"""What every FastAPI service has: health, readiness, metrics, problem documents, a limit on bodies, logs."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common.errors import Problem, install_problem_handlers
from services.common.logs import configure_logs
from services.common.settings import Settings

STARTUP_FAILED = 3
"""Exit status of a service that could not begin to listen; what uvicorn itself exits with."""

Check = Callable[[], Awaitable[str | None]]
"""A readiness check: None, or a sentence that says what is missing."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_service(
    name: str,
    settings: Settings,
    *,
    lifespan: Lifespan,
    checks: Mapping[str, Check] | None = None,
    max_body_bytes: int = 64 * 1024,
    uploads: Mapping[str, int] | None = None,
) -> FastAPI:
    """An app with `/healthz`, `/readyz`, `/metrics`; `checks` maps a dependency's name to its readiness check.

    `uploads` maps the beginning of a path to the bytes that a body may have there, where that is more.
    """
    checks = checks or {}

    @asynccontextmanager
    async def with_logs(app: FastAPI) -> AsyncIterator[None]:
        configure_logs(name, settings)
        async with lifespan(app):
            yield

    app = FastAPI(title=f"FlashbackAvatars {name}", lifespan=with_logs)
    install_problem_handlers(app)
    app.add_middleware(BodyLimit, max_bytes=max_body_bytes, uploads=uploads or {})

    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """Alive."""
        return {"service": name, "status": "alive"}

    @app.get("/readyz", tags=["health"])
    async def readyz() -> dict[str, Any]:
        """Ready to work; 503 names what is missing."""
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


class _Server(uvicorn.Server):
    """Tells the app that it is to stop before it waits for open streams: they end only if the app ends them."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._on_stop:
            self._on_stop()
        await super().shutdown(sockets)


def serve(
    app: FastAPI,
    settings: Settings,
    port: int,
    *,
    host: str | None = None,
    on_stop: Callable[[], None] | None = None,
) -> None:
    """Run the app until SIGTERM or SIGINT, on `HOST` unless told otherwise, at the port moved by `PORT_OFFSET`."""
    config = uvicorn.Config(
        app,
        host=host or settings.host,
        port=settings.port(port),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
        ws_max_size=64 * 1024,
    )
    server = _Server(config, on_stop)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILED)


class BodyLimit:
    """Refuses a request whose body is larger than `max_bytes` with 413, whether it declares its length or not.

    Below the paths of `uploads` it may have as many bytes as they say.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, uploads: Mapping[str, int]) -> None:
        self.app, self._max_bytes, self._uploads = app, max_bytes, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        max_bytes = next((size for start, size in self._uploads.items() if path.startswith(start)), self._max_bytes)
        too_large = Problem(413, f"The body is larger than {max_bytes} bytes.").response()
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > max_bytes:
            await too_large(scope, receive, send)
            return
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > max_bytes:
                # Not a Problem: while a body is read FastAPI lets only its own kind of exception through.
                raise HTTPException(413, f"The body is larger than {max_bytes} bytes.")
            return message

        await self.app(scope, limited, send)
