"""rag-llm: retrieval over the corpus, and answers from it. `python -m services.rag_llm.server` runs it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.common.background import Background
from services.common.bus import Bus, RedisBus
from services.common.control import follow_control
from services.common.heartbeat import INSTANCE, beat
from services.common.messages import Cancel, Close, Control, Heartbeat
from services.common.service import create_service, serve
from services.common.settings import read_settings
from services.rag_llm.answering.answers import Answers
from services.rag_llm.answering.factory import open_engine
from services.rag_llm.answering.knowledge import Knowledge
from services.rag_llm.api.answer import answer_routes
from services.rag_llm.api.cancellation import RunningAnswers
from services.rag_llm.api.openai import openai_routes
from services.rag_llm.api.search import search_routes
from services.rag_llm.index.embedding.factory import open_embedder
from services.rag_llm.index.store import Store
from services.rag_llm.reading.corpus import Corpus
from services.rag_llm.settings import Config, RagSettings, read_config

MAX_BODY = 4 << 20
"""Bytes of a request: a question may bring a hundred messages of its conversation."""


def create_app(settings: RagSettings, bus: Bus | None = None, config: Config | None = None) -> FastAPI:
    """The service; without a `bus` it uses Redis, without a `config` what `config.yaml` says."""
    config = config or read_config()
    corpus, store = Corpus(settings.corpus_dir, config.ingest), Store(settings.index_folder())
    knowledge = Knowledge(corpus, store, open_embedder(config), config.retrieval)
    answers, running = Answers(knowledge, open_engine(settings, config)), RunningAnswers()

    async def obey(order: Control) -> None:
        match order:
            case Cancel(session=session, turn=turn):
                running.cancel(session, turn)
            case Close(session=session):
                running.cancel(session)

    def heartbeat() -> Heartbeat:
        return Heartbeat(service="rag-llm", instance=INSTANCE, sessions=len(running))

    @asynccontextmanager
    async def lifespan(_: FastAPI, background: Background) -> AsyncIterator[None]:
        line = bus or RedisBus(settings.redis_address())
        async with background:
            background.keep("index", knowledge.index.serve())
            if config.ingest.watch:
                background.keep("folder", knowledge.index.follow_folder())
            background.keep("control", follow_control(line, obey))
            background.keep("heartbeat", beat(line, heartbeat))
            yield
        await answers.close()
        await line.close()

    app = create_service(
        "rag-llm", settings, lifespan=lifespan, checks={"index": knowledge.index.missing}, max_body_bytes=MAX_BODY
    )
    app.include_router(answer_routes(answers, running))
    app.include_router(search_routes(knowledge))
    app.include_router(openai_routes(answers, running))
    return app


def main() -> None:
    """Run the service until it is told to stop."""
    settings = read_settings(RagSettings)
    serve(create_app(settings), settings, settings.rag_port)


if __name__ == "__main__":
    main()
