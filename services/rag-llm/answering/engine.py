"""What answers. Two engines fill the protocol, chosen by `LLM_ENGINE`."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from services.common.answering import AnswerEvent, Passage
from services.rag_llm.answering.knowledge import Found
from services.rag_llm.retrieval.retriever import Hit
from services.rag_llm.settings import Config, RagSettings


class AnswerEngine(Protocol):
    """Streams the events of `services.common.answering`, `Retrieval` first, `Done` or `Failed` last."""

    name: str

    def answer(self, found: Found) -> AsyncGenerator[AnswerEvent]:
        """One answer. Closing the iterator stops all work for it."""
        ...

    async def close(self) -> None: ...


def open_engine(settings: RagSettings, config: Config) -> AnswerEngine:
    """The engine that `LLM_ENGINE` names."""
    from services.rag_llm.answering.extractive.engine import Extractive

    extractive = Extractive(config.extractive)
    match settings.llm_engine:
        case "extractive":
            return extractive
        case "vllm":
            from services.rag_llm.answering.chat.engine import Vllm

            return Vllm(settings, config.vllm, fallback=extractive)


def passage_of(hit: Hit, quoted: Sequence[str] = ()) -> Passage:
    """A hit as it travels; quoted is what an answer takes from it, by default its best sentence."""
    excerpt = hit.excerpt
    return Passage(
        id=excerpt.id,
        source=excerpt.source,
        title=excerpt.path,
        score=round(hit.best.worth, 4),
        quote=" ".join(quoted) or hit.best.text,
    )
