"""rag-llm: retrieval over the corpus, and answers from it. `python -m services.rag_llm.server` runs it."""

import contextlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from services.common.answering import AnswerEvent, ChatMessage, Passage, Question
from services.common.background import Background
from services.common.bus import Bus, RedisBus
from services.common.control import follow_control
from services.common.heartbeat import INSTANCE, beat
from services.common.messages import Cancel, Close, Control, Heartbeat
from services.common.metrics import RAG_RETRIEVAL_LATENCY
from services.common.service import create_service, serve
from services.common.settings import read_settings
from services.rag_llm.answering.engine import AnswerEngine, passage_of
from services.rag_llm.answering.factory import open_engine
from services.rag_llm.answering.knowledge import Knowledge
from services.rag_llm.api.cancellation import Turns
from services.rag_llm.api.openai import openai_routes
from services.rag_llm.index.embedding.factory import open_embedder
from services.rag_llm.index.store import Store
from services.rag_llm.reading.corpus import Corpus
from services.rag_llm.settings import Config, RagSettings, read_config


class SearchRequest(BaseModel):
    """`POST /v1/search`."""

    query: str = Field(min_length=1, max_length=4000)
    k: int = Field(default=5, ge=1, le=50)


class SearchResult(Passage):
    """A passage with its text, and of its best sentence, the `quote`, what the `score` is made of: see `config.yaml`.

    `answers`: the score is that of an answer. `similarity`: how near its meaning is to the question's. `coverage`: the
    share of the question's words that it, its headings and words of like meaning hold; `missing`: those that they do
    not. `form`: what is asked for (money, time, person, …), or blank; `gives`: the sentence has it. `misnamed`: above
    0, it is about another model, version or year. `adjusted`: what was added and taken away, by the reason. `fused`
    (reciprocal ranks by meaning and by words) and `words` (BM25) made the passage a candidate.
    """

    text: str
    answers: bool
    similarity: float
    coverage: float
    missing: list[str]
    form: str
    gives: bool
    misnamed: float
    adjusted: dict[str, float]
    fused: float
    words: float


class SearchResponse(BaseModel):
    results: list[SearchResult]


def create_app(settings: RagSettings, bus: Bus | None = None, config: Config | None = None) -> FastAPI:
    """The service; without a `bus` it uses Redis, without a `config` what `config.yaml` says."""
    config = config or read_config()
    embedder = open_embedder(config)
    corpus = Corpus(settings.corpus_dir, config.ingest)
    knowledge = Knowledge(corpus, Store(settings.index_folder()), embedder, config.retrieval)
    engine = open_engine(settings, config)
    turns = Turns()

    async def obey(order: Control) -> None:
        match order:
            case Cancel(session=session, turn=turn):
                turns.cancel(session, turn)
            case Close(session=session):
                turns.cancel(session)

    def heartbeat() -> Heartbeat:
        return Heartbeat(service="rag-llm", instance=INSTANCE, sessions=len(turns))

    @asynccontextmanager
    async def lifespan(_: FastAPI, background: Background) -> AsyncIterator[None]:
        line = bus or RedisBus(settings.redis_address())
        async with background:
            background.keep("knowledge", _keep_known(knowledge))
            background.keep("control", follow_control(line, obey))
            background.keep("heartbeat", beat(line, heartbeat))
            yield
        await engine.close()
        knowledge.close()
        await line.close()

    app = create_service(
        "rag-llm", settings, lifespan=lifespan, checks={"index": knowledge.missing}, max_body_bytes=4 << 20
    )

    async def answer(text: str, history: list[ChatMessage]) -> AsyncGenerator[AnswerEvent]:
        return await _answer(knowledge, engine, text, history)

    @app.post("/v1/answer", response_class=StreamingResponse, tags=["answers"])
    async def answers(question: Question) -> StreamingResponse:
        """The events of `services.common.answering`, as server-sent events. Closing the connection ends the work."""
        events = await answer(question.text, question.history)
        return event_stream(_as_text(turns.until_cancelled(question.session, question.turn, events)))

    @app.post("/v1/search", tags=["answers"])
    async def search(request: SearchRequest) -> SearchResponse:
        """The passages nearest to a query, best first, and why."""
        query, hits = await knowledge.search(request.query, request.k)
        return SearchResponse(
            results=[
                SearchResult(
                    **passage_of(hit).model_dump(),
                    text=hit.excerpt.text,
                    answers=hit.best.answers,
                    similarity=round(hit.best.similarity, 4),
                    coverage=round(hit.best.coverage, 4),
                    missing=list(hit.best.missing),
                    form=query.form,
                    gives=hit.best.gives,
                    misnamed=hit.best.misnamed,
                    adjusted={why: round(by, 4) for why, by in hit.best.adjusted.items()},
                    fused=round(hit.fused, 5),
                    words=round(hit.words, 3),
                )
                for hit in hits
            ]
        )

    @app.post("/v1/ingest", tags=["documents"])
    async def ingest() -> dict[str, Any]:
        """Read what is new or changed in the corpus; questions are answered from the old index meanwhile."""
        return asdict(await knowledge.ingest())

    async def chat(text: str, history: list[ChatMessage]) -> AsyncGenerator[AnswerEvent]:
        return turns.until_cancelled(f"chat-{uuid.uuid4().hex}", 1, await answer(text, history))

    app.include_router(openai_routes(chat, event_stream))
    return app


async def _answer(
    knowledge: Knowledge, engine: AnswerEngine, text: str, history: list[ChatMessage]
) -> AsyncGenerator[AnswerEvent]:
    found = await knowledge.find(text, history)
    RAG_RETRIEVAL_LATENCY.observe(found.ms / 1000)
    return engine.answer(found)


def event_stream(text: AsyncGenerator[str]) -> StreamingResponse:
    return StreamingResponse(text, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _as_text(events: AsyncGenerator[AnswerEvent]) -> AsyncGenerator[str]:
    async with contextlib.aclosing(events):
        async for event in events:
            yield f"event: {event.type}\ndata: {event.model_dump_json()}\n\n"


async def _keep_known(knowledge: Knowledge) -> None:
    await knowledge.start()
    await knowledge.follow()


def main() -> None:
    settings = read_settings(RagSettings)
    serve(create_app(settings), settings, settings.rag_port)


if __name__ == "__main__":
    main()
