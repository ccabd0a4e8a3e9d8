"""`POST /v1/answer`: a question of the conversation, its answer as server-sent events."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, format_sse_event

from services.common.answering import AnswerEvent, Question
from services.rag_llm.answering.answers import Answers
from services.rag_llm.api.cancellation import RunningAnswers
from services.rag_llm.api.sse import event_stream


def answer_routes(answers: Answers, running: RunningAnswers) -> APIRouter:
    """The route; each answer is one of the `running` ones while it lasts."""
    routes = APIRouter(prefix="/v1", tags=["answers"])

    @routes.post("/answer", response_class=StreamingResponse)
    async def answer(question: Question) -> EventSourceResponse:
        """The events of `services.common.answering`, as server-sent events. Closing the connection ends the work."""
        events = await answers.answer(question.text, question.history)
        return event_stream(_written(running.until_cancelled(question.session, question.turn, events)))

    return routes


async def _written(events: AsyncGenerator[AnswerEvent]) -> AsyncGenerator[bytes]:
    async with aclosing(events):
        async for event in events:
            yield format_sse_event(event=event.type, data_str=event.model_dump_json())
