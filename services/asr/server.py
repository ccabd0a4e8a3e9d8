"""The asr service: the microphone of a session in; turns and words out, on Redis."""

import asyncio
import itertools
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from services.asr.api import api
from services.asr.audio.vad import SileroVoiceDetector, VoiceDetector
from services.asr.pipeline import Guard, SpeechPipeline
from services.asr.sessions.registry import SessionRegistry
from services.asr.settings import AsrSettings
from services.asr.transcription.engine import EngineError, TranscriptionEngine
from services.asr.transcription.loading import load_engine
from services.asr.transcription.queue import TranscriptionQueue
from services.asr.turns.detector import TurnDetector
from services.asr.turns.rules import Rules
from services.common.background import Background
from services.common.bus import Bus, RedisBus
from services.common.control import follow_control
from services.common.heartbeat import beat
from services.common.logs import configure_logs, logger
from services.common.messages import Heartbeat
from services.common.service import create_service, serve
from services.common.settings import read_settings
from services.common.utterances import UtteranceEvent


def create_app(
    settings: AsrSettings,
    *,
    load: Callable[[AsrSettings], TranscriptionEngine | None] = load_engine,
    new_voice_detector: Callable[[], VoiceDetector] = SileroVoiceDetector,
    bus: Bus | None = None,
) -> FastAPI:
    """The service. `load` makes the engine, or None for a service without ears; `bus` is Redis unless it is given."""
    bus = bus or RedisBus(settings.redis_address())
    instance = uuid.uuid4().hex[:16]
    rules = Rules(pause_ms=settings.asr_pause_ms, unfinished_pause_ms=settings.asr_unfinished_pause_ms)

    @asynccontextmanager
    async def lifespan(app: FastAPI, background: Background) -> AsyncIterator[None]:
        engine = await asyncio.to_thread(load, settings)
        if engine is None:
            logger().info("the ears are off")
            app.state.registry = None
            yield
            await bus.close()
            return
        logger().info("engine loaded", engine=engine.name)
        queue = TranscriptionQueue(engine)
        utterances = itertools.count(1)  # of all sessions: a session that is opened anew goes on counting

        def new_pipeline(session: str, publish: Callable[[UtteranceEvent], None], guard: Guard) -> SpeechPipeline:
            return SpeechPipeline(
                session,
                instance,
                turns=TurnDetector(rules),
                voice=new_voice_detector(),
                queue=queue,
                publish=publish,
                guard=guard,
                utterances=utterances,
            )

        # Internal addresses: a proxy of the environment is not asked.
        async with httpx.AsyncClient(trust_env=False) as http:
            registry = SessionRegistry(http, bus, settings.asr_sessions, new_pipeline, background)
            app.state.registry = registry

            def heartbeat() -> Heartbeat:
                return Heartbeat(service="asr", instance=instance, sessions=len(registry), capacity=registry.capacity)

            try:
                async with background:
                    background.keep("transcription", queue.run())
                    background.keep("control", follow_control(bus, registry.obey))
                    background.keep("heartbeat", beat(bus, heartbeat))
                    yield
                    await registry.close()
            finally:
                await bus.close()
                await asyncio.to_thread(queue.close)

    async def redis_is_there() -> str | None:
        return None if await bus.ping() else f"no answer at {settings.redis_address()}; start Redis"

    app = create_service("asr", settings, lifespan=lifespan, checks={"redis": redis_is_there})
    app.include_router(api)
    return app


def main() -> None:
    """Run the service. Exits with a sentence where the engine cannot be loaded."""
    settings = read_settings(AsrSettings)
    configure_logs("asr", settings)
    try:
        engine = load_engine(settings)
    except EngineError as error:
        sys.exit(f"asr cannot start: {error}")
    serve(create_app(settings, load=lambda _: engine), settings, settings.asr_port)


if __name__ == "__main__":
    main()
