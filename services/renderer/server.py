"""The renderer's HTTP API. Sound and picture leave by WebRTC; here come speech and orders."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AnyHttpUrl, BaseModel, Field

from services.common.background import Background
from services.common.bus import Bus, RedisBus
from services.common.control import follow_control
from services.common.errors import Problem
from services.common.heartbeat import beat
from services.common.logs import configure_logs, logger
from services.common.service import create_service, serve
from services.common.settings import read_settings
from services.common.speech import JoinToken, SessionId, Speech
from services.common.whip import Target
from services.renderer.engine import Engine, EngineUnavailableError
from services.renderer.engines import load_engine
from services.renderer.sessions.registry import Roster
from services.renderer.sessions.session import LINGER_S, Session
from services.renderer.settings import RendererSettings

MAX_BODY = 2 * 1024 * 1024
"""Speech is the largest thing that comes in; ten seconds of it at 48 kHz are 1.3 MB."""

SWITCH_S = 0.001
"""How long drawing may keep the interpreter while sound is due; Python's own 5 ms would be a quarter of a frame."""


NICENESS = -10
"""A sixth of a core that has to be there every 20 ms comes before work that may wait."""


class NewSession(BaseModel):
    """`POST /v1/sessions`. `publish_url` is the WHIP endpoint, `token` allows to publish there."""

    session: SessionId
    publish_url: AnyHttpUrl
    token: JoinToken
    avatar: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    style: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class SessionView(BaseModel):
    """A session as it is now. `state`: connecting, live or reconnecting; `turn` 0 before the first."""

    session: str
    state: str
    avatar: str
    style: str
    turn: int
    buffered_ms: int


class Sessions(BaseModel):
    sessions: list[SessionView]
    capacity: int


class Taken(BaseModel):
    """What became of a speech message. `dropped`: its turn is cancelled or older than the one that is spoken."""

    turn: int
    buffered_ms: int
    dropped: bool


class UpTo(BaseModel):
    """Which turns are meant: this one and those before it."""

    turn: Annotated[int, Field(ge=1)]


class HeardOf(BaseModel):
    """How much of the turn was heard."""

    heard_ms: int


class Style(BaseModel):
    style: Annotated[str, Field(min_length=1, max_length=64)]


class Styles(BaseModel):
    styles: tuple[str, ...]
    style: str


class Avatars(BaseModel):
    avatars: tuple[str, ...]
    avatar: str


def _roster(request: Request) -> Roster:
    roster: Roster = request.app.state.roster
    return roster


OnAir = Annotated[Roster, Depends(_roster)]

api = APIRouter(prefix="/v1", tags=["renderer"])


def _view(session: Session) -> SessionView:
    return SessionView(
        session=session.name,
        state=session.state,
        avatar=session.avatar,
        style=session.style,
        turn=session.buffer.turn,
        buffered_ms=session.buffer.buffered_ms,
    )


@api.post("/sessions", status_code=201)
async def open_session(new: NewSession, roster: OnAir, response: Response) -> SessionView:
    """Put an avatar on air; its tracks are live in the gateway when this answers. 200 if it was on air already."""
    target = Target(str(new.publish_url), new.token)
    session, opened = await roster.open(new.session, target, new.avatar, new.style)
    response.status_code = 201 if opened else 200
    response.headers["Location"] = f"/v1/sessions/{new.session}"
    return _view(session)


@api.get("/sessions")
async def list_sessions(roster: OnAir) -> Sessions:
    return Sessions(sessions=[_view(s) for s in roster if not s.ended.is_set()], capacity=roster.capacity)


@api.delete("/sessions/{session}", status_code=204)
async def end_session(session: SessionId, roster: OnAir) -> None:
    await roster.end(session)


@api.post("/sessions/{session}/speech")
async def speak(session: SessionId, speech: Speech, roster: OnAir) -> Taken:
    """Speech that follows what came before. 409 where it does not, 429 where the buffer is full: nothing is kept."""
    if speech.session != session:
        raise Problem(422, f"session: the message is for {speech.session}, the address for {session}.")
    live = roster.get(session)
    offer = live.speak(speech)
    return Taken(turn=offer.turn, buffered_ms=live.buffer.buffered_ms, dropped=offer.dropped)


@api.post("/sessions/{session}/cancel")
async def cancel(session: SessionId, order: UpTo, roster: OnAir) -> HeardOf:
    """Drop this turn and those before it, even if they are yet to come. Answers once it is silent."""
    return HeardOf(heard_ms=await roster.get(session).cancel(order.turn))


@api.post("/sessions/{session}/pause")
async def pause(session: SessionId, order: UpTo, roster: OnAir) -> HeardOf:
    """Let this turn and those before it stand still, even if they are yet to come. Answers once it is silent."""
    return HeardOf(heard_ms=await roster.get(session).pause(order.turn))


@api.post("/sessions/{session}/resume")
async def resume(session: SessionId, order: UpTo, roster: OnAir) -> HeardOf:
    """Go on where the pause of this turn began, without a sound lost or said twice."""
    return HeardOf(heard_ms=roster.get(session).resume(order.turn))


@api.post("/sessions/{session}/style")
async def restyle(session: SessionId, order: Style, roster: OnAir) -> Style:
    roster.restyle(session, order.style)
    return order


@api.get("/sessions/{session}/events", response_class=StreamingResponse)
async def events(session: SessionId, roster: OnAir) -> StreamingResponse:
    """Playback, captions and metrics as they happen, one JSON line each. A new reader takes over from the last."""
    return StreamingResponse(roster.get(session).feed.lines(), media_type="application/x-ndjson")


@api.get("/styles")
async def styles(roster: OnAir) -> Styles:
    return Styles(styles=roster.engine.styles, style=roster.engine.style)


@api.get("/avatars")
async def avatars(roster: OnAir, request: Request) -> Avatars:
    settings: RendererSettings = request.app.state.settings
    return Avatars(avatars=roster.engine.avatars, avatar=_avatar(settings, roster.engine))


def _avatar(settings: RendererSettings, engine: Engine) -> str:
    """Whom sessions show that do not say: AVATAR, or a fallback engine's own face."""
    return settings.avatar if settings.avatar in engine.avatars else engine.avatars[0]


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
            roster = Roster(
                engine,
                http,
                avatar=_avatar(settings, engine),
                capacity=settings.renderer_sessions,
                buffer_ms=round(settings.buffer_seconds * 1000),
                linger_s=linger_s,
                background=background,
            )
            app.state.roster, app.state.settings = roster, settings
            background.when_stopping(roster.end_feeds)
            try:
                async with background:
                    background.keep("control", follow_control(bus, roster.obey))
                    background.keep("heartbeat", beat(bus, roster.heartbeat))
                    yield
                    await roster.close()
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
