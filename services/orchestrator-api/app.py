"""The orchestrator: sessions, turns and barge-in. The only service that browsers speak HTTP and WebSocket to."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from services.common.background import Background
from services.common.bus import RedisBus
from services.common.heartbeat import INSTANCE, beat
from services.common.messages import Heartbeat
from services.common.service import Check, create_service, serve
from services.common.settings import read_settings
from services.orchestrator_api.lib.bus import EventPublisher, Registry
from services.orchestrator_api.lib.conversation.context import After, Context
from services.orchestrator_api.lib.sessions.adopting import adopt
from services.orchestrator_api.lib.sessions.grants import Grants
from services.orchestrator_api.lib.sessions.live import Sessions
from services.orchestrator_api.lib.sessions.opening import Opening
from services.orchestrator_api.lib.sessions.watching import watch
from services.orchestrator_api.lib.upstream.asr import Asr
from services.orchestrator_api.lib.upstream.gateway import Gateway
from services.orchestrator_api.lib.upstream.rag import Rag
from services.orchestrator_api.lib.upstream.renderer import Renderer
from services.orchestrator_api.lib.upstream.services import Services
from services.orchestrator_api.lib.upstream.transcription import AsrLink
from services.orchestrator_api.lib.upstream.tts import Tts
from services.orchestrator_api.lib.web.announcing import announce
from services.orchestrator_api.lib.web.hosts import KnownHosts
from services.orchestrator_api.lib.web.page import Page
from services.orchestrator_api.routes import answer, control, session, style
from services.orchestrator_api.settings import OrchestratorSettings


def create_app(settings: OrchestratorSettings, *, after: After | None = None) -> FastAPI:
    """The service, its sessions adopted from the one before it. `after`: timers other than the event loop's own."""
    bus = RedisBus(settings.redis_address())
    services = Services(
        rag=Rag(settings.rag_address()),
        tts=Tts(settings.tts_address()),
        renderer=Renderer(settings.renderer_address()),
        gateway=Gateway(settings.sfu_address()),
    )
    asr = Asr(settings.asr_address())
    registry = Registry(bus)
    grants = Grants(settings.token_secret, services.gateway.address)
    clock = time.monotonic

    @asynccontextmanager
    async def lifespan(app: FastAPI, background: Background) -> AsyncIterator[None]:
        context = Context(
            services=services,
            publisher=EventPublisher(bus),
            transcription=AsrLink(asr, bus, grants.for_asr, clock),
            clock=clock,
            after=after or asyncio.get_running_loop().call_later,
            buffer_ms=settings.buffer_seconds * 1000,
        )
        sessions = Sessions(context, registry, grants, background)
        opening = Opening(sessions, context, grants, bus, ice=settings.ice(), turn_secret=settings.turn_secret)
        app.state.sessions, app.state.opening = sessions, opening

        def heartbeat() -> Heartbeat:
            return Heartbeat(service="orchestrator-api", instance=INSTANCE, sessions=len(sessions.all()))

        # When all that is cancelled the sessions stay on the air, for the next orchestrator to adopt.
        background.when_stopping(sessions.hang_up)
        try:
            async with background:
                await adopt(sessions, registry, services.renderer)
                background.keep("publishing", context.publisher.run())
                background.keep("heartbeat", beat(bus, heartbeat))
                linger_s = settings.session_linger_seconds
                watching = watch(sessions, services.gateway, grants, clock=clock, linger_s=linger_s)
                background.keep("watching for viewers", watching)
                context.transcription.begin(background)
                background.spawn("announce", announce(settings.public_url, checks))
                yield
        finally:
            for service in (*services, asr):
                await service.close()
            await bus.close()

    async def redis() -> str | None:
        return None if await bus.ping() else f"does not answer at {settings.redis_address()}"

    checks: dict[str, Check] = {"redis": redis, **{service.name: service.missing for service in services}}
    app = create_service("orchestrator-api", settings, lifespan=lifespan, checks=checks)
    app.state.services, app.state.grants = services, grants
    if settings.origins():
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins(),
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Location", "Retry-After"],
        )
    app.add_middleware(KnownHosts, allowed=settings.hosts())
    for routes in (session, answer, style, control):
        app.include_router(routes.api)
    app.mount("/", Page(), name="page")
    return app


def main() -> None:
    settings = read_settings(OrchestratorSettings)
    serve(create_app(settings), settings, settings.orchestrator_port, host=settings.orchestrator_bind)


if __name__ == "__main__":
    main()
