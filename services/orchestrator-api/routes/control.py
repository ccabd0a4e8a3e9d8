"""`WS /control`: the session's events, live, and four verbs."""

import asyncio
import contextlib
from functools import partial

from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from services.common.background import Background
from services.common.errors import Problem, invalid_request
from services.common.messages import Error
from services.orchestrator_api.lib.contracts import COMMANDS, CancelReply, ChooseStyle, StartReply, UserSpeaking
from services.orchestrator_api.lib.conversation.audience import Follower
from services.orchestrator_api.lib.sessions.session import Session
from services.orchestrator_api.routes.access import Admission, Live, Supervised

api = APIRouter()

GONE = 1001
FAILED = 1011
FELL_BEHIND = 1013
REFUSED = 4000
"""Close codes of our own are this plus the HTTP status: 4401, 4403, 4404."""

CLOSING_S = 2.0


@api.websocket("/control")
async def control(
    socket: WebSocket, sessions: Live, grants: Admission, background: Supervised, session: str = "", token: str = ""
) -> None:
    """Needs the token that `POST /session` returned. Refusals come as a close frame: browsers show no HTTP status."""
    await socket.accept()
    try:
        grants.admit(session, token)
        live = sessions.get(session)
    except Problem as problem:
        await _close(socket, REFUSED + problem.status, problem.detail)
        return
    with live.conversation.audience.follow() as follower:
        follower.tell(live.conversation.now())
        ended = await _serve(socket, live, follower, background)
    if ended:
        await _close(socket, *ended)


async def _serve(
    socket: WebSocket, session: Session, follower: Follower, background: Background
) -> tuple[int, str] | None:
    """Until either side has enough. The close code and its reason; None where the page has hung up."""
    bugs: list[str] = []
    work = {
        "reading": _read(socket, session, follower),
        "writing": _write(socket, follower),
        "watching": follower.falls_behind(),
    }
    of = f"a control socket of session {session.id}"
    tasks = {
        name: background.spawn(f"{name} {of}", each, failed=partial(bugs.append, name)) for name, each in work.items()
    }
    try:
        await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.wait(tasks.values())
    if bugs:
        return FAILED, "Something unexpected went wrong; connect again."
    if follower.behind:
        return FELL_BEHIND, "You read too slowly; connect again."
    if tasks["reading"].cancelled():
        return GONE, f"Session {session.id} is over; open a new one with POST /session."
    return None


async def _write(socket: WebSocket, follower: Follower) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        async for event in follower:
            await socket.send_text(event.model_dump_json(exclude_none=True))


async def _read(socket: WebSocket, session: Session, follower: Follower) -> None:
    """Until the page hangs up. What is wrong with a message goes back to whoever sent it; the socket stays open."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        try:
            await _obey(message.get("text"), session)
        except Problem as problem:
            now = session.conversation.now()
            follower.tell(
                Error(session=session.id, turn=now.turn, title=f"Refused while {now.state}", detail=problem.detail)
            )


async def _obey(text: str | None, session: Session) -> None:
    if text is None:
        raise Problem(422, "Send JSON as text, not binary.")
    try:
        command = COMMANDS.validate_json(text)
    except ValidationError as error:
        # The command's type stands before the field that is wrong.
        errors = [{**e, "loc": e["loc"][1:]} for e in error.errors()]
        raise invalid_request(errors, "The message is not a JSON object") from error
    conversation = session.conversation
    match command:
        case UserSpeaking(speaking=speaking):
            await conversation.user_speaking(speaking)
        case StartReply(text=None):
            raise Problem(
                409, f"The session is {conversation.now().state}: nothing was said that could be answered; send text."
            )
        case StartReply(text=str() as question):
            await conversation.ask(question)
        case CancelReply():
            await conversation.cancel()
        case ChooseStyle(style=style):
            await session.restyle(style)


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    # A close frame holds 123 bytes of reason. A peer that reads nothing gets no more time than this.
    with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
        async with asyncio.timeout(CLOSING_S):
            await socket.close(code, reason.encode()[:123].decode(errors="ignore"))
