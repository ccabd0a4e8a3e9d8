"""The engine that needs no model: the documents' own sentences, chosen to answer, with small talk by example."""

from collections.abc import AsyncGenerator

from services.common.answering import AnswerEvent, Delta, Done, Retrieval
from services.rag_llm.answering.engine import passage_of
from services.rag_llm.answering.extractive.abstaining import without_document
from services.rag_llm.answering.extractive.clauses import split_clauses
from services.rag_llm.answering.extractive.composing import Cited, compose
from services.rag_llm.answering.knowledge import Found
from services.rag_llm.answering.router import Route
from services.rag_llm.reading.sentences import split_sentences
from services.rag_llm.settings import ExtractiveConfig


class Extractive:
    """Answers in milliseconds; every sentence of an answer is a citation."""

    name = "extractive"

    def __init__(self, config: ExtractiveConfig) -> None:
        self._config = config

    async def answer(self, found: Found) -> AsyncGenerator[AnswerEvent]:
        """The events of one answer, clause by clause."""
        cited: list[Cited] = []
        if found.route is Route.CORPUS and found.query:
            cited = compose(found.hits, found.query, self._config)
        quoted: dict[str, list[str]] = {}
        for sentence in cited:
            if sentence.excerpt:
                quoted.setdefault(sentence.excerpt.id, []).append(sentence.quote)
        passages = [passage_of(hit, quoted.get(hit.excerpt.id, ())) for hit in found.hits] if cited else []
        yield Retrieval(passages=passages, ms=found.ms, route=found.route.value, reason=found.reason)

        spoken = cited or [Cited(sentence) for sentence in split_sentences(without_document(found))]
        written = ""
        for sentence in spoken:
            for clause in split_clauses(sentence.text):
                text = f" {clause}" if written else clause
                written += text
                yield Delta(text=text, citations=[sentence.excerpt.id] if sentence.excerpt else [])
        yield Done(usage={"passages": len(passages), "sentences": len(spoken), "words": len(written.split())})

    async def close(self) -> None:
        """Nothing is held."""
