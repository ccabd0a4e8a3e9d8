"""Ask, and stop the answer."""

import contextlib
from collections.abc import AsyncGenerator

from fastapi import APIRouter, Request, Response
from fastapi.sse import EventSourceResponse

from services.common.messages import Event
from services.orchestrator_api.lib.contracts import Answered, Ask, Cancelled, Which
from services.orchestrator_api.lib.conversation import asking
from services.orchestrator_api.routes.access import Live, Upstream

api = APIRouter(tags=["answer"])

EVENT_STREAM = "text/event-stream"


@api.post("/answer", response_model=Answered, responses={200: {"content": {EVENT_STREAM: {}}}})
async def post_answer(ask: Ask, request: Request, sessions: Live, services: Upstream) -> Response | Answered:
    """Ask; the session's avatar answers aloud. With `Accept: text/event-stream` the turn's events until it ends; else
    the text, as soon as it is complete. Without a live session the answer is text only."""
    session = sessions.meant(ask.session)
    stream = EVENT_STREAM in request.headers.get("accept", "")
    if session is None:
        if stream:
            return await _stream(asking.written_events(ask.text, services.rag))
        return await asking.written(ask.text, services.rag)
    if stream:
        return await _stream(asking.spoken_events(ask.text, session.conversation))
    return await asking.spoken(ask.text, session.conversation)


@api.post("/cancel")
async def cancel(which: Which, sessions: Live) -> Cancelled:
    """Stop the answer. 409 if there is none."""
    return await sessions.must_mean(which.session).conversation.cancel()


async def _stream(events: AsyncGenerator[Event]) -> Response:
    # The first event is awaited here, so that what is refused is an error and not a broken stream.
    first = await anext(events, None)
    return EventSourceResponse(_server_sent(first, events), headers={"Cache-Control": "no-store"})


async def _server_sent(first: Event | None, rest: AsyncGenerator[Event]) -> AsyncGenerator[str]:
    async with contextlib.aclosing(rest):
        if first is not None:
            yield _as_text(first)
        async for event in rest:
            yield _as_text(event)


def _as_text(event: Event) -> str:
    # Not by fastapi.sse.format_sse_event: it puts the id behind the data, and clients that read line by line want to
    # know it before.
    return f"event: {event.type}\nid: {event.event_id}\ndata: {event.model_dump_json(exclude_none=True)}\n\n"
