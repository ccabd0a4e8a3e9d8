"""Answers to questions: what the documents hold is found, and an engine words it."""

from collections.abc import AsyncGenerator, Sequence

from services.common.answering import AnswerEvent, ChatMessage
from services.common.metrics import RAG_RETRIEVAL_LATENCY
from services.rag_llm.answering.engine import AnswerEngine
from services.rag_llm.answering.knowledge import Knowledge


class Answers:
    """What both ways of asking, ours and OpenAI's, stand on."""

    def __init__(self, knowledge: Knowledge, engine: AnswerEngine) -> None:
        self._knowledge, self._engine = knowledge, engine

    async def answer(self, text: str, history: Sequence[ChatMessage]) -> AsyncGenerator[AnswerEvent]:
        """The events of one answer, once the passages for it are found. Raises `Problem` 503 while there is no index.

        Closing the iterator stops all work for it.
        """
        found = await self._knowledge.find(text, history)
        RAG_RETRIEVAL_LATENCY.observe(found.ms / 1000)
        return self._engine.answer(found)

    async def close(self) -> None:
        """Ends the work of questions and of an ingest that is under way."""
        await self._engine.close()
        self._knowledge.close()
