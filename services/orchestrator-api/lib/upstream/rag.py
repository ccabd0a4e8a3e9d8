"""rag-llm, as the orchestrator sees it."""

import json
from collections.abc import AsyncGenerator
from typing import Any

from httpx_sse import EventSource
from pydantic import TypeAdapter

from services.common.answering import ANSWER_EVENTS, AnswerEvent, Question
from services.orchestrator_api.lib.upstream.http import Service

WRITING_S = 30.0
"""A language model may take its time before the first word."""

_FIELDS = TypeAdapter(dict[str, Any])


class Rag(Service):
    """rag-llm: answers from the documents."""

    def __init__(self, address: str) -> None:
        super().__init__("rag-llm", address, timeout_s=WRITING_S)

    async def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        """The answer as it is written. Closing the iterator stops the model."""
        async with self.stream("POST", "/v1/answer", body=question) as answer:
            async for event in EventSource(answer).aiter_sse():
                if event.data:
                    fields = self.parsed(_FIELDS, event.data)
                    yield self.parsed(ANSWER_EVENTS, json.dumps(fields | {"type": event.event}))
