"""A question and its answer, for whoever asks: spoken by a session's avatar, or, without a session, in writing only."""

import contextlib
import secrets
import time
from collections.abc import AsyncGenerator

from services.common.answering import Question
from services.common.errors import Problem
from services.common.messages import Error, Event, Interrupted, Metrics, State
from services.orchestrator_api.lib.contracts import Answered, latency_of
from services.orchestrator_api.lib.conversation.answer import Answer
from services.orchestrator_api.lib.conversation.conversation import Conversation
from services.orchestrator_api.lib.speaking.clauses import Clause
from services.orchestrator_api.lib.speaking.waterfall import Waterfall
from services.orchestrator_api.lib.upstream.http import ServiceError
from services.orchestrator_api.lib.upstream.rag import Rag


async def spoken(text: str, conversation: Conversation) -> Answered:
    """Ask, and return as soon as the answer's text is complete. Raises `Problem` where it never will be."""
    turn = await conversation.ask(text)
    await turn.settled.wait()
    if turn.failure:
        raise turn.failure.problem()
    if not turn.answer.complete:
        raise Problem(409, "The answer was interrupted before its text was complete.", heard_text=turn.heard_text())
    return _answered(turn.answer, turn.metrics(), spoken=True)


async def spoken_events(text: str, conversation: Conversation) -> AsyncGenerator[Event]:
    """Ask, and follow the turn's events until it is over. Raises `Problem` before the first one."""
    with conversation.audience.follow() as follower:
        turn = await conversation.ask(text)
        async for event in follower:
            if event.turn != turn.number:
                continue
            yield event
            if isinstance(event, Interrupted) or (isinstance(event, State) and event.state == "listening"):
                return


async def written(text: str, rag: Rag) -> Answered:
    """The answer, once it is complete. Raises `Problem` where it breaks off."""
    answer = _unspoken(text)
    try:
        async with contextlib.aclosing(_read(answer, rag)) as events:
            async for _ in events:
                pass
    except ServiceError as error:
        raise error.problem() from error
    return _answered(answer, _latency(answer), spoken=False)


async def written_events(text: str, rag: Rag) -> AsyncGenerator[Event]:
    """The answer's events as it is written; the last one is its latency, or an error. Closing the iterator stops the
    model."""
    answer = _unspoken(text)
    try:
        async with contextlib.aclosing(_read(answer, rag)) as events:
            async for event in events:
                yield event
        yield _latency(answer)
    except ServiceError as error:
        of, title = answer.question, f"The {error.service} service failed"
        yield Error(session=of.session, turn=of.turn, title=title, detail=error.detail)


def _unspoken(text: str) -> Answer:
    """An answer outside any session: nothing that another one's cancel could reach."""
    question = Question(session=f"text-{secrets.token_hex(8)}", turn=1, text=text)
    waterfall = Waterfall(time.monotonic)
    waterfall.start(time.monotonic())
    return Answer(question, waterfall)


async def _read(answer: Answer, rag: Rag) -> AsyncGenerator[Event]:
    async with contextlib.aclosing(answer.read(rag)) as items:
        async for item in items:
            if isinstance(item, Clause):
                for citation in answer.citations(item, 0):
                    yield citation
            else:
                yield item


def _latency(answer: Answer) -> Metrics:
    return Metrics(session=answer.question.session, turn=answer.question.turn, **answer.waterfall.numbers())


def _answered(answer: Answer, numbers: Metrics, *, spoken: bool) -> Answered:
    return Answered(
        session=answer.question.session if spoken else None,
        turn=answer.question.turn,
        text=answer.text,
        citations=answer.sources(),
        unsupported=answer.unsupported,
        spoken=spoken,
        latency=latency_of(numbers),
    )
