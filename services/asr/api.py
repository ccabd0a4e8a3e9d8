"""The service's HTTP interface: which sessions are listened to, and what the avatar says in them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AnyHttpUrl, BaseModel, Field

from services.asr.sessions.registry import SessionRegistry
from services.asr.sessions.transcriber import ListeningState, SessionTranscriber
from services.common.errors import Problem
from services.common.speech import JoinToken, SessionId
from services.common.whip import Target


class ListenRequest(BaseModel):
    """`POST /v1/sessions`. `listen_url` is the gateway's WHEP endpoint, `token` has the role asr."""

    session: SessionId
    listen_url: AnyHttpUrl
    token: JoinToken


class ListenedSession(BaseModel):
    session: str
    state: ListeningState


class ListenedSessions(BaseModel):
    sessions: list[ListenedSession]
    capacity: int


class AvatarClause(BaseModel):
    """`POST /v1/sessions/{session}/spoken`: a clause that the avatar says now in its turn. Blank: it fell silent."""

    turn: Annotated[int, Field(ge=1, le=2**53)]
    text: Annotated[str, Field(max_length=4000)]


def _registry(request: Request) -> SessionRegistry:
    registry: SessionRegistry | None = request.app.state.registry
    if registry is None:
        raise Problem(503, "The ears are switched off: ASR_ENGINE is off.")
    return registry


Registry = Annotated[SessionRegistry, Depends(_registry)]

api = APIRouter(prefix="/v1", tags=["asr"])


def _shown(transcriber: SessionTranscriber) -> ListenedSession:
    return ListenedSession(session=transcriber.session, state=transcriber.state)


@api.post("/sessions", status_code=201)
async def open_session(wanted: ListenRequest, registry: Registry, response: Response) -> ListenedSession:
    """Listen to a session from now on; it joins the gateway by itself. 200 if it was listened to already."""
    transcriber, opened = registry.open(wanted.session, Target(str(wanted.listen_url), wanted.token))
    response.status_code = 201 if opened else 200
    return _shown(transcriber)


@api.get("/sessions")
async def list_sessions(registry: Registry) -> ListenedSessions:
    return ListenedSessions(sessions=[_shown(each) for each in registry], capacity=registry.capacity)


@api.delete("/sessions/{session}", status_code=204)
async def end_session(session: SessionId, registry: Registry) -> None:
    await registry.end(session)


@api.post("/sessions/{session}/spoken", status_code=204)
async def spoken(session: SessionId, clause: AvatarClause, registry: Registry) -> None:
    """What the avatar says now: its own words, coming back through a loudspeaker, are nobody's turn."""
    registry.text_echo(session).avatar_says(clause.turn, clause.text)
