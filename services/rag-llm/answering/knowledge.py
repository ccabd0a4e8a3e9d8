"""How a question meets what is known: routed, read, and searched for in the index in force."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from services.common.answering import ChatMessage
from services.rag_llm.answering.router import ALIKE, Route, Routed, Router
from services.rag_llm.index.embedding.embedder import Embedder
from services.rag_llm.index.index import Index
from services.rag_llm.index.live import LiveIndex
from services.rag_llm.index.store import Store
from services.rag_llm.reading.corpus import Corpus
from services.rag_llm.retrieval.follow_ups import Asked, resolve
from services.rag_llm.retrieval.meanings import Meanings
from services.rag_llm.retrieval.query import Query
from services.rag_llm.retrieval.retriever import Hit, Retriever, why
from services.rag_llm.settings import RetrievalConfig

VERY_ALIKE = 0.85
"""Cosine similarity from which on small talk is meant, whatever the documents hold."""
MOST_TITLES = 20
"""Titles that may be offered to ask about."""
SURELY = 0.8
"""Share of the question's words that a sentence has to hold to be the answer to what sounds like small talk."""


@dataclass(frozen=True, slots=True)
class Found:
    """A question, how it was understood, what was found for it, best first, and some `titles` to ask about.

    `query` is the question as it was read for the index; None where no document was asked. `reason` says why it took
    this `route`.
    """

    asked: Asked
    route: Route
    hits: Sequence[Hit]
    query: Query | None
    titles: Sequence[str]
    history: Sequence[ChatMessage]
    ms: float
    reason: str = ""


class Knowledge:
    """What can be asked. Questions are understood off the event loop, each beside an ingest and not behind it."""

    def __init__(self, corpus: Corpus, store: Store, embedder: Embedder, config: RetrievalConfig) -> None:
        self._passages = config.passages
        meanings = Meanings(embedder)
        self._retriever, self._router = Retriever(meanings, config), Router(meanings)
        self.index = LiveIndex(corpus, store, embedder, self._retriever.prepare)
        self._askers = ThreadPoolExecutor(4, "ask")

    async def find(self, text: str, history: Sequence[ChatMessage]) -> Found:
        """What the documents hold for a question; `history` is the conversation before it, oldest message first.

        Raises `Problem` 503 before the first index is there.
        """
        started = time.perf_counter()
        index = self.index.current()
        titles = [entry.title for entry in islice(index.entries.values(), MOST_TITLES)]
        work = asyncio.get_running_loop().run_in_executor(self._askers, self._understand, index, text, history)
        asked, kind, query, hits, reason = await work
        ms = round((time.perf_counter() - started) * 1000, 1)
        return Found(asked, kind, hits, query, titles, history, ms, reason)

    async def search(self, text: str, k: int) -> tuple[Query, list[Hit]]:
        """A question that stands alone, as it was read, and the best `k` excerpts for it."""
        index = self.index.current()

        def work() -> tuple[Query, list[Hit]]:
            query = self._retriever.understand(index, Asked(text))
            return query, self._retriever.search(index, query, k) if index.excerpts else []

        return await asyncio.get_running_loop().run_in_executor(self._askers, work)

    def _understand(
        self, index: Index, text: str, history: Sequence[ChatMessage]
    ) -> tuple[Asked, Route, Query | None, list[Hit], str]:
        routed = self._router.route(text)
        if routed.sure:
            return Asked(routed.text), routed.route, None, [], routed.reason
        asked = resolve(routed.text, history)
        if not index.excerpts:
            kind = routed.route if routed.similarity >= ALIKE else Route.EMPTY
            return asked, kind, None, [], routed.reason
        query = self._retriever.understand(index, asked)
        hits = self._retriever.search(index, query, self._passages)
        kind, reason = _route(routed, hits, query)
        return asked, kind, query, hits if kind in (Route.CORPUS, Route.UNKNOWN, Route.OUT_OF_SCOPE) else [], reason

    def close(self) -> None:
        """Questions that wait are dropped, and so is an ingest that is under way."""
        self._askers.shutdown(wait=False, cancel_futures=True)
        self.index.close()


def _route(routed: Routed, hits: Sequence[Hit], query: Query) -> tuple[Route, str]:
    """What was said like an example counts where the documents do not answer; what is very like one, unless they answer
    well, and small talk that hardly differs from one in any case."""
    answers = bool(hits) and hits[0].best.answers
    surely = answers and hits[0].best.coverage > SURELY
    if routed.similarity < ALIKE:
        like_talk = not answers
    else:
        like_talk = not surely or (routed.route is not Route.OUT_OF_SCOPE and routed.similarity >= VERY_ALIKE)
    if routed.route is not Route.CORPUS and like_talk:
        return routed.route, routed.reason
    return Route.CORPUS if answers else Route.UNKNOWN, why(hits, query)
