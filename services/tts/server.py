"""The tts service: text in; sound, mouth shapes and word times out, while they are being made."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import Future
from typing import Annotated, Literal

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, field_validator

from services.common.background import Background
from services.common.bus import Bus, RedisBus
from services.common.control import follow_control
from services.common.heartbeat import INSTANCE, beat
from services.common.logs import logger
from services.common.messages import Cancel, Close, Control, Heartbeat
from services.common.service import create_service, serve
from services.common.settings import read_settings
from services.common.speech import SessionId, Speech
from services.tts.catalog import load
from services.tts.cloning.cloning import Cloning
from services.tts.cloning.routes import MAX_UPLOAD, Language, routes
from services.tts.settings import TtsSettings
from services.tts.speaker import CancelledTurns, Speaker
from services.tts.text.lines import lines_of

MAX_TEXT = 10_000
_CHECKED_FOR_S = 5.0  # how long a proof that the voice works counts

Rate = Literal[8000, 16000, 22050, 24000, 32000, 44100, 48000]


class SpeakRequest(BaseModel):
    """`POST /v1/speak`. Without `voice` and `language` the default voice speaks; `sr` is its own rate unless given.

    A cloned voice speaks for whoever sends its `voice_token`.
    """

    session: SessionId
    turn: Annotated[int, Field(ge=1, le=2**53)]
    text: str
    voice: Annotated[str, Field(max_length=64)] | None = None
    voice_token: Annotated[str, Field(max_length=128)] | None = Field(default=None, repr=False)
    language: Language | None = None
    sr: Rate | None = None

    @field_validator("text")
    @classmethod
    def _is_sayable(cls, text: str) -> str:
        if len(text) > MAX_TEXT:
            raise ValueError(
                f"{len(text)} characters are too many for one call; send at most {MAX_TEXT}, sentence by sentence"
            )
        if not text.strip():
            raise ValueError("there is nothing to say; send at least a word")
        return text


def create_app(settings: TtsSettings, bus: Bus | None = None) -> FastAPI:
    """The service; the voices are loaded and warm when it starts to listen."""
    cancelled = CancelledTurns()
    catalog = load(settings)
    cloning = Cloning(settings, catalog)
    speaker = Speaker(catalog, cancelled, settings.tts_threads)
    the_bus = bus or RedisBus(settings.redis_address())
    checked = 0.0

    async def voice_check() -> str | None:
        nonlocal checked
        if time.monotonic() - checked < _CHECKED_FOR_S:
            return None
        missing = await speaker.can_speak()
        if missing is None:
            checked = time.monotonic()
        return missing

    async def obey(order: Control) -> None:
        match order:
            case Cancel():
                cancelled.cancel(order.session, order.turn)
            case Close():
                cancelled.forget(order.session)

    def heartbeat() -> Heartbeat:
        return Heartbeat(service="tts", instance=INSTANCE, sessions=speaker.active, capacity=speaker.workers)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI, background: Background) -> AsyncIterator[None]:
        began = time.perf_counter()
        await speaker.can_speak()
        logger().info("warm", voice=catalog.default.name, seconds=round(time.perf_counter() - began, 2))
        async with background:
            background.keep("control", follow_control(the_bus, obey))
            background.keep("heartbeat", beat(the_bus, heartbeat))
            for engine in catalog.engines.values():
                if engine.ended is not None:
                    background.keep(f"{engine.name} engine", _until(engine.ended))
            yield
        await the_bus.close()
        speaker.close()

    app = create_service("tts", settings, lifespan=lifespan, checks={"voice": voice_check})

    @app.post("/v1/speak", response_model=Speech, responses={200: {"content": {"application/x-ndjson": {}}}})
    async def speak(request: SpeakRequest) -> StreamingResponse:
        """One speech message a line, the first as soon as its sound exists.

        Times start at 0 for each call. The last message is `final`; a stream that ends without a final message was
        cancelled.
        """
        cloning.permit(request.voice, request.voice_token)
        voice = catalog.choose(request.voice, request.language)
        # Ten thousand characters take a while to plan: nobody else waits for that.
        lines = await asyncio.to_thread(lines_of, request.text, voice, catalog.voices_beside(voice))
        messages = speaker.speak(request.session, request.turn, lines, request.sr or voice.sample_rate)
        # The first message is awaited here, so that a voice that fails is an error and not a broken stream.
        first = await anext(messages, None)
        return StreamingResponse(_ndjson(first, messages), media_type="application/x-ndjson")

    app.include_router(routes(cloning), max_body_size=MAX_UPLOAD)
    return app


async def _until(ended: Future[None]) -> None:
    """Returns when a thread has ended; raises what ended it."""
    await asyncio.wrap_future(ended)


async def _ndjson(first: Speech | None, rest: AsyncGenerator[Speech, None]) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(rest):
        if first is not None:
            yield first.model_dump_json().encode() + b"\n"
        async for message in rest:
            yield message.model_dump_json().encode() + b"\n"


def main() -> None:
    """Run the service with the settings of the environment."""
    settings = read_settings(TtsSettings)
    serve(create_app(settings), settings, settings.tts_port)


if __name__ == "__main__":
    main()
