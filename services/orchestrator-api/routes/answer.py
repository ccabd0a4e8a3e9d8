"""Ask, and stop the answer."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Callable

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from services.common.answering import Question
from services.common.errors import Problem
from services.common.messages import Error, Event, Interrupted, Metrics, State
from services.orchestrator_api.lib.contracts import Answered, Ask, Cancelled, Which, latency_of
from services.orchestrator_api.lib.conversation.answer import Answer
from services.orchestrator_api.lib.sessions.session import Session
from services.orchestrator_api.lib.sessions.sessions import Sessions
from services.orchestrator_api.lib.speaking.waterfall import Waterfall
from services.orchestrator_api.lib.upstream.http import ServiceError
from services.orchestrator_api.routes.access import Live

api = APIRouter(tags=["answer"])

EVENT_STREAM = "text/event-stream"


@api.post("/answer", response_model=Answered, responses={200: {"content": {EVENT_STREAM: {}}}})
async def post_answer(ask: Ask, request: Request, sessions: Live) -> Response | Answered:
    """Ask; the session's avatar answers aloud. With `Accept: text/event-stream` the turn's events until it ends; else
    the text, as soon as it is complete. Without a live session the answer is text only."""
    session = sessions.meant(ask.session)
    stream = EVENT_STREAM in request.headers.get("accept", "")
    if session is None:
        return await _stream(_written(ask.text, sessions)) if stream else await _text_only(ask.text, sessions)
    if stream:
        return await _stream(_spoken(ask.text, session))
    return await _said(ask.text, session)


@api.post("/cancel")
async def cancel(which: Which, sessions: Live) -> Cancelled:
    """Stop the answer. 409 if there is none."""
    return await sessions.must_mean(which.session).cancel()


async def _said(text: str, session: Session) -> Answered:
    turn = await session.ask(text)
    await turn.settled.wait()
    if turn.failure:
        raise turn.failure.problem()
    if not turn.answer.complete:
        raise Problem(409, "The answer was interrupted before its text was complete.", heard_text=turn.heard_text())
    return Answered(
        session=session.id,
        turn=turn.number,
        text=turn.answer.text,
        citations=turn.answer.sources(),
        unsupported=turn.answer.unsupported,
        spoken=True,
        latency=latency_of(turn.metrics()),
    )


async def _spoken(text: str, session: Session) -> AsyncGenerator[Event]:
    with session.audience.follow() as follower:
        turn = await session.ask(text)
        async for event in follower:
            if event.turn != turn.number:
                continue
            yield event
            if isinstance(event, Interrupted) or (isinstance(event, State) and event.state == "listening"):
                return


async def _text_only(text: str, sessions: Sessions) -> Answered:
    answer = _unspoken(text, lambda _: None)
    try:
        await _read(answer, sessions)
    except ServiceError as error:
        raise error.problem() from error
    return Answered(
        session=None,
        turn=answer.question.turn,
        text=answer.text,
        citations=answer.sources(),
        unsupported=answer.unsupported,
        spoken=False,
        latency=latency_of(_latency(answer)),
    )


async def _written(text: str, sessions: Sessions) -> AsyncGenerator[Event]:
    events: asyncio.Queue[Event | None] = asyncio.Queue()
    answer = _unspoken(text, events.put_nowait)

    async def read() -> None:
        try:
            await _read(answer, sessions)
            events.put_nowait(_latency(answer))
        except ServiceError as error:
            events.put_nowait(
                Error(
                    session=answer.question.session,
                    turn=answer.question.turn,
                    title=f"The {error.service} service failed",
                    detail=error.detail,
                )
            )
        finally:
            events.put_nowait(None)

    reading = asyncio.create_task(read())
    try:
        while (event := await events.get()) is not None:
            yield event
    finally:
        reading.cancel()
        await asyncio.wait([reading])


def _unspoken(text: str, tell: Callable[[Event], None]) -> Answer:
    """An answer outside any session: nothing that another one's cancel could reach."""
    question = Question(session=f"text-{secrets.token_hex(8)}", turn=1, text=text)
    waterfall = Waterfall(time.monotonic)
    waterfall.start(time.monotonic())
    return Answer(question, waterfall, tell)


async def _read(answer: Answer, sessions: Sessions) -> None:
    async with contextlib.aclosing(answer.clauses(sessions.services.rag)) as clauses:
        async for clause in clauses:
            answer.cite(clause, 0)


def _latency(answer: Answer) -> Metrics:
    return Metrics(session=answer.question.session, turn=answer.question.turn, **answer.waterfall.numbers())


async def _stream(events: AsyncGenerator[Event]) -> StreamingResponse:
    # The first event is awaited here, so that what is refused is an error and not a broken stream.
    first = await anext(events, None)
    return StreamingResponse(
        _server_sent(first, events), media_type=EVENT_STREAM, headers={"Cache-Control": "no-store"}
    )


async def _server_sent(first: Event | None, rest: AsyncGenerator[Event]) -> AsyncGenerator[str]:
    async with contextlib.aclosing(rest):
        if first is not None:
            yield _as_text(first)
        async for event in rest:
            yield _as_text(event)


def _as_text(event: Event) -> str:
    return f"event: {event.type}\nid: {event.event_id}\ndata: {event.model_dump_json(exclude_none=True)}\n\n"
