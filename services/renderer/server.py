"""The renderer, wired: its engine, its sessions, its API, and what goes on in the background."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from services.common.background import Background
from services.common.bus import Bus, RedisBus
from services.common.control import follow_control
from services.common.heartbeat import beat
from services.common.logs import configure_logs, logger
from services.common.service import create_service, serve
from services.common.settings import read_settings
from services.renderer.api import api
from services.renderer.engine import Engine, EngineUnavailableError
from services.renderer.engines import load_engine
from services.renderer.sessions.registry import SessionRegistry
from services.renderer.sessions.session import LINGER_S
from services.renderer.settings import RendererSettings

MAX_BODY = 2 * 1024 * 1024
"""Speech is the largest thing that comes in; ten seconds of it at 48 kHz are 1.3 MB."""

SWITCH_S = 0.001
"""How long drawing may keep the interpreter while sound is due; Python's own 5 ms would be a quarter of a frame."""

NICENESS = -10
"""A sixth of a core that has to be there every 20 ms comes before work that may wait."""


def create_app(
    settings: RendererSettings,
    *,
    load: Callable[[RendererSettings], Engine] = load_engine,
    bus: Bus | None = None,
    linger_s: float = LINGER_S,
) -> FastAPI:
    """The service. `load` brings the engine, `bus` is Redis unless another is given."""
    bus = bus or RedisBus(settings.redis_address())

    @asynccontextmanager
    async def lifespan(app: FastAPI, background: Background) -> AsyncIterator[None]:
        engine = await asyncio.to_thread(load, settings)
        logger().info("engine loaded", engine=engine.name, style=engine.style)
        # Internal addresses: a proxy of the environment is not asked.
        async with httpx.AsyncClient(trust_env=False) as http:
            registry = SessionRegistry(
                engine,
                http,
                avatar=settings.avatar,
                capacity=settings.renderer_sessions,
                buffer_ms=round(settings.buffer_seconds * 1000),
                linger_s=linger_s,
                background=background,
            )
            app.state.registry = registry
            background.when_stopping(registry.end_event_streams)
            try:
                async with background:
                    background.keep("control", follow_control(bus, registry.obey))
                    background.keep("engine", engine.supervise())
                    background.keep("heartbeat", beat(bus, registry.heartbeat))
                    yield
                    await registry.close()
            finally:
                await bus.close()
                engine.close()

    async def redis_is_there() -> str | None:
        return None if await bus.ping() else f"no answer at {settings.redis_address()}; start Redis"

    app = create_service(
        "renderer", settings, lifespan=lifespan, checks={"redis": redis_is_there}, max_body_bytes=MAX_BODY
    )
    app.include_router(api)
    return app


def main() -> None:
    sys.setswitchinterval(SWITCH_S)
    settings = read_settings(RendererSettings)
    configure_logs("renderer", settings)
    try:
        engine = load_engine(settings)
    except (EngineUnavailableError, OSError) as error:
        sys.exit(f"The renderer cannot start: {error}")
    with contextlib.suppress(PermissionError):  # where it is not allowed, sound is as punctual as the machine is idle
        os.nice(NICENESS)
    serve(create_app(settings, load=lambda _: engine), settings, settings.renderer_port)


if __name__ == "__main__":
    main()
