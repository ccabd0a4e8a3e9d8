"""Sessions: open or join, look at, end."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from services.common.errors import Problem, invalid_request
from services.common.speech import SessionId
from services.orchestrator_api.lib.contracts import Offer, Opened, SessionList, SessionView
from services.orchestrator_api.routes.access import Admission, Live, Openings, Token

api = APIRouter(tags=["session"])

SDP = "application/sdp"

_BODIES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": Offer.model_json_schema()},
            SDP: {"schema": {"type": "string"}},
        },
    }
}


async def _offer(request: Request) -> Offer:
    """JSON, or the bare SDP with the other fields in the query."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    body = await request.body()
    try:
        if kind == SDP:
            return Offer.model_validate({**request.query_params, "sdp": body.decode(errors="replace")})
        if kind == "application/json":
            return Offer.model_validate_json(body)
    except ValidationError as error:
        raise invalid_request(error.errors()) from error
    raise Problem(415, f"Send application/json or {SDP}, not {kind}.")


@api.post("/session", status_code=201, openapi_extra=_BODIES)
async def open_session(
    offer: Annotated[Offer, Depends(_offer)], opening: Openings, token: Token, response: Response
) -> Opened:
    """Answer a browser's WebRTC offer: a new session, or one more viewer of the `session` it names.

    A bearer token of that session keeps its owner's rights, and brings a session back that has ended.
    """
    opened = await opening.offer(offer, token)
    response.headers["Location"] = f"/session/{opened.session}"
    return opened


@api.delete("/session/{session}", status_code=204)
async def end_session(session: SessionId, sessions: Live, grants: Admission, token: Token) -> None:
    """End it for everybody. Needs the token of whoever opened it."""
    if token is None:
        raise Problem(401, "Send the token that POST /session returned, as Authorization: Bearer.")
    if grants.admit(session, token).role != "talker":
        raise Problem(403, "Only whoever opened the session can end it; a viewer just leaves.")
    await sessions.close(session)


@api.get("/sessions")
async def list_sessions(sessions: Live) -> SessionList:
    """Every live session."""
    return SessionList(sessions=[session.view() for session in sessions.all()])


@api.get("/session/{session}")
async def show_session(session: SessionId, sessions: Live) -> SessionView:
    """State, turn, viewers, and the last turn's latency."""
    return sessions.get(session).view()
