"""What answers, as the rest of the service sees it."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from services.common.answering import AnswerEvent, Passage
from services.rag_llm.answering.knowledge import Found
from services.rag_llm.retrieval.retriever import Hit


class AnswerEngine(Protocol):
    """Streams the events of `services.common.answering`, `Retrieval` first, `Done` or `Failed` last."""

    name: str

    def answer(self, found: Found) -> AsyncGenerator[AnswerEvent]:
        """One answer. Closing the iterator stops all work for it."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def passage_of(hit: Hit, quoted: Sequence[str] = ()) -> Passage:
    """A hit as callers get it. `quoted`: what an answer takes from it, by default its best sentence."""
    excerpt = hit.excerpt
    return Passage(
        id=excerpt.id,
        source=excerpt.source,
        title=excerpt.path,
        score=round(hit.best.score, 4),
        quote=" ".join(quoted) or hit.best.text,
    )
