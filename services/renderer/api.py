"""The renderer's HTTP API under /v1: speech and orders come in; sound and picture leave by WebRTC."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AnyHttpUrl, BaseModel, Field

from services.common.errors import Problem
from services.common.speech import JoinToken, SessionId, Speech
from services.common.whip import Target
from services.renderer.sessions.registry import SessionRegistry
from services.renderer.sessions.session import Session


class NewSession(BaseModel):
    """`POST /v1/sessions`. `publish_url` is the WHIP endpoint, `token` allows to publish there."""

    session: SessionId
    publish_url: AnyHttpUrl
    token: JoinToken
    avatar: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    style: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class SessionOnAir(BaseModel):
    """A session as it is now. `state`: connecting, live or reconnecting; `turn` 0 before the first."""

    session: str
    state: str
    avatar: str
    style: str
    turn: int
    buffered_ms: int


class SessionsOnAir(BaseModel):
    """All sessions of this renderer, and how many it can have."""

    sessions: list[SessionOnAir]
    capacity: int


class SpeechReceipt(BaseModel):
    """What became of a speech message. `dropped`: its turn is cancelled or older than the one that is spoken."""

    turn: int
    buffered_ms: int
    dropped: bool


class UpTo(BaseModel):
    """Which turns are meant: this one and those before it."""

    turn: Annotated[int, Field(ge=1)]


class HeardSoFar(BaseModel):
    """How much of the turn was heard."""

    heard_ms: int


class StyleChoice(BaseModel):
    """`POST /v1/sessions/{session}/style`: one of the engine's presets."""

    style: Annotated[str, Field(min_length=1, max_length=64)]


class Styles(BaseModel):
    """The engine's presets, and the one that sessions have which do not ask for another."""

    styles: tuple[str, ...]
    style: str


class Avatars(BaseModel):
    """The engine's avatars, and the one that sessions show which do not ask for another."""

    avatars: tuple[str, ...]
    avatar: str


def _registry(request: Request) -> SessionRegistry:
    registry: SessionRegistry = request.app.state.registry
    return registry


Registry = Annotated[SessionRegistry, Depends(_registry)]

api = APIRouter(prefix="/v1", tags=["renderer"])


def _view(session: Session) -> SessionOnAir:
    return SessionOnAir(
        session=session.name,
        state=session.state,
        avatar=session.avatar,
        style=session.style,
        turn=session.buffer.turn,
        buffered_ms=session.buffer.buffered_ms,
    )


@api.post("/sessions", status_code=201)
async def open_session(new: NewSession, registry: Registry, response: Response) -> SessionOnAir:
    """Put an avatar on air; its tracks are live in the gateway when this answers. 200 if it was on air already."""
    target = Target(str(new.publish_url), new.token)
    session, opened = await registry.open(new.session, target, new.avatar, new.style)
    response.status_code = 201 if opened else 200
    response.headers["Location"] = f"/v1/sessions/{new.session}"
    return _view(session)


@api.get("/sessions")
async def list_sessions(registry: Registry) -> SessionsOnAir:
    """The sessions that have not ended."""
    return SessionsOnAir(sessions=[_view(s) for s in registry if not s.ended.is_set()], capacity=registry.capacity)


@api.delete("/sessions/{session}", status_code=204)
async def end_session(session: SessionId, registry: Registry) -> None:
    """Off air: the avatar leaves the gateway, and the stream of events ends."""
    await registry.end(session)


@api.post("/sessions/{session}/speech")
async def speak(session: SessionId, speech: Speech, registry: Registry) -> SpeechReceipt:
    """Speech that follows what came before. 409 where it does not, 429 where the buffer is full: nothing is kept."""
    if speech.session != session:
        raise Problem(422, f"session: the message is for {speech.session}, the address for {session}.")
    live = registry.get(session)
    receipt = live.playout.speak(speech)
    return SpeechReceipt(turn=receipt.turn, buffered_ms=live.buffer.buffered_ms, dropped=receipt.dropped)


@api.post("/sessions/{session}/cancel")
async def cancel(session: SessionId, order: UpTo, registry: Registry) -> HeardSoFar:
    """Drop this turn and those before it, even if they are yet to come. Answers once it is silent."""
    return HeardSoFar(heard_ms=await registry.get(session).playout.cancel(order.turn))


@api.post("/sessions/{session}/pause")
async def pause(session: SessionId, order: UpTo, registry: Registry) -> HeardSoFar:
    """Let this turn and those before it stand still, even if they are yet to come. Answers once it is silent."""
    return HeardSoFar(heard_ms=await registry.get(session).playout.pause(order.turn))


@api.post("/sessions/{session}/resume")
async def resume(session: SessionId, order: UpTo, registry: Registry) -> HeardSoFar:
    """Go on where the pause of this turn began, without a sound lost or said twice."""
    return HeardSoFar(heard_ms=registry.get(session).playout.resume(order.turn))


@api.post("/sessions/{session}/style")
async def restyle(session: SessionId, order: StyleChoice, registry: Registry) -> StyleChoice:
    """Change light, background and colour to one of the engine's presets."""
    registry.restyle(session, order.style)
    return order


@api.get("/sessions/{session}/events", response_class=StreamingResponse)
async def events(session: SessionId, registry: Registry) -> StreamingResponse:
    """Playback, captions and metrics as they happen, one JSON line each. A new reader takes over from the last."""
    return StreamingResponse(registry.get(session).events.lines(), media_type="application/x-ndjson")


@api.get("/styles")
async def styles(registry: Registry) -> Styles:
    """The engine's presets."""
    return Styles(styles=registry.engine.styles, style=registry.engine.style)


@api.get("/avatars")
async def avatars(registry: Registry) -> Avatars:
    """The engine's avatars."""
    return Avatars(avatars=registry.engine.avatars, avatar=registry.avatar)
