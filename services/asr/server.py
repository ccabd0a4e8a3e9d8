"""The asr service: the microphone of a session in; turns and words out, on Redis."""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from pydantic import AnyHttpUrl, BaseModel, Field

from services.asr.audio.vad import Detector, SileroDetector
from services.asr.pipeline import Hearing
from services.asr.sessions.registry import Roster
from services.asr.sessions.transcriber import Ear
from services.asr.settings import AsrSettings
from services.asr.transcription.engine import EngineError, Transcriber
from services.asr.transcription.loading import load_engine
from services.asr.transcription.queue import Desk
from services.asr.turns.detector import Rules, Turns
from services.common.background import Background
from services.common.bus import Bus, RedisBus
from services.common.control import follow_control
from services.common.errors import Problem
from services.common.heartbeat import beat
from services.common.logs import configure_logs, logger
from services.common.messages import Heartbeat
from services.common.service import create_service, serve
from services.common.settings import read_settings
from services.common.speech import JoinToken, SessionId
from services.common.utterances import UtteranceEvent
from services.common.whip import Target


class NewSession(BaseModel):
    """`POST /v1/sessions`. `listen_url` is the gateway's WHEP endpoint, `token` has the role asr."""

    session: SessionId
    listen_url: AnyHttpUrl
    token: JoinToken


class SessionView(BaseModel):
    """`state`: connecting, listening, reconnecting or ended."""

    session: str
    state: str


class Sessions(BaseModel):
    sessions: list[SessionView]
    capacity: int


class Spoken(BaseModel):
    """A clause that the avatar is about to say in its turn; "": it fell silent."""

    turn: Annotated[int, Field(ge=1, le=2**53)]
    text: Annotated[str, Field(max_length=4000)]


def _roster(request: Request) -> Roster:
    roster: Roster | None = request.app.state.roster
    if roster is None:
        raise Problem(503, "The ears are switched off: ASR_ENGINE is off.")
    return roster


Listening = Annotated[Roster, Depends(_roster)]

api = APIRouter(prefix="/v1", tags=["asr"])


def _view(ear: Ear) -> SessionView:
    return SessionView(session=ear.session, state=ear.state)


@api.post("/sessions", status_code=201)
async def open_session(new: NewSession, roster: Listening, response: Response) -> SessionView:
    """Listen to a session from now on; it joins the gateway by itself. 200 if it was listened to already."""
    ear, opened = roster.open(new.session, Target(str(new.listen_url), new.token))
    response.status_code = 201 if opened else 200
    return _view(ear)


@api.get("/sessions")
async def list_sessions(roster: Listening) -> Sessions:
    return Sessions(sessions=[_view(ear) for ear in roster], capacity=roster.capacity)


@api.delete("/sessions/{session}", status_code=204)
async def end_session(session: SessionId, roster: Listening) -> None:
    await roster.end(session)


@api.post("/sessions/{session}/spoken", status_code=204)
async def spoken(session: SessionId, what: Spoken, roster: Listening) -> None:
    """What the avatar says now: its own words, coming back through a loudspeaker, are nobody's turn."""
    roster.own_words(session).say(what.turn, what.text)


def create_app(
    settings: AsrSettings,
    *,
    load: Callable[[AsrSettings], Transcriber | None] = load_engine,
    new_detector: Callable[[], Detector] = SileroDetector,
    bus: Bus | None = None,
) -> FastAPI:
    """The service. `load` brings the engine, `new_detector` finds voice, `bus` is Redis unless another is given."""
    bus = bus or RedisBus(settings.redis_address())
    instance = uuid.uuid4().hex[:16]
    rules = Rules(pause_ms=settings.asr_pause_ms, unfinished_pause_ms=settings.asr_unfinished_pause_ms)

    @asynccontextmanager
    async def lifespan(app: FastAPI, background: Background) -> AsyncIterator[None]:
        engine = await asyncio.to_thread(load, settings)
        if engine is None:
            logger().info("the ears are off")
            app.state.roster = None
            yield
            await bus.close()
            return
        logger().info("engine loaded", engine=engine.name)
        desk = Desk(engine)

        def new_hearing(session: str, publish: Callable[[UtteranceEvent], None]) -> Hearing:
            return Hearing(session, instance, turns=Turns(rules), detector=new_detector(), desk=desk, publish=publish)

        # Internal addresses: a proxy of the environment is not asked.
        async with httpx.AsyncClient(trust_env=False) as http:
            roster = app.state.roster = Roster(http, bus, settings.asr_sessions, new_hearing, background)

            def heartbeat() -> Heartbeat:
                return Heartbeat(service="asr", instance=instance, sessions=len(roster), capacity=roster.capacity)

            try:
                async with background:
                    background.keep("transcription", desk.work())
                    background.keep("control", follow_control(bus, roster.obey))
                    background.keep("heartbeat", beat(bus, heartbeat))
                    yield
                    await roster.close()
            finally:
                await bus.close()
                await asyncio.to_thread(desk.close)

    async def redis_is_there() -> str | None:
        return None if await bus.ping() else f"no answer at {settings.redis_address()}; start Redis"

    app = create_service("asr", settings, lifespan=lifespan, checks={"redis": redis_is_there})
    app.include_router(api)
    return app


def main() -> None:
    settings = read_settings(AsrSettings)
    configure_logs("asr", settings)
    try:
        engine = load_engine(settings)
    except EngineError as error:
        sys.exit(f"asr cannot start: {error}")
    serve(create_app(settings, load=lambda _: engine), settings, settings.asr_port)


if __name__ == "__main__":
    main()
