"""What the service knows: the index in force, kept up to date, and how a question meets it."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from services.common.answering import ChatMessage
from services.common.errors import Problem
from services.common.logs import logger
from services.rag_llm.answering.router import ALIKE, Route, Routed, Router
from services.rag_llm.index.embedding.embedder import Embedder
from services.rag_llm.index.index import Index
from services.rag_llm.index.ingestion import Absent, Outcome, ingest, signature
from services.rag_llm.index.progress import Progress
from services.rag_llm.index.store import Store
from services.rag_llm.index.watching import changes
from services.rag_llm.reading.corpus import Corpus
from services.rag_llm.retrieval.follow_ups import Asked, resolve
from services.rag_llm.retrieval.meanings import Meanings
from services.rag_llm.retrieval.query import Query
from services.rag_llm.retrieval.retriever import Hit, Retriever, why
from services.rag_llm.settings import RetrievalConfig

WATCH_S = 1.0
"""How often the store is looked at for an index that another process wrote."""
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
    """Holds one index at a time; a new one takes its place between two questions. Work runs off the event loop."""

    def __init__(self, corpus: Corpus, store: Store, embedder: Embedder, config: RetrievalConfig) -> None:
        self._corpus, self._store, self._embedder, self._config = corpus, store, embedder, config
        self._watched = corpus.folder.resolve(), store.folder.resolve()
        meanings = Meanings(embedder)
        self._retriever, self._router = Retriever(meanings, config), Router(meanings)
        self._index: Index | None = None
        self._generation: str | None = None
        self._progress = "reading the documents"
        self._ingesting = asyncio.Lock()
        self._skipped: dict[str, str] = {}
        self._closed = False
        # A question must not wait behind an ingest: each has its threads.
        self._askers = ThreadPoolExecutor(4, "ask")
        self._reader = ThreadPoolExecutor(1, "ingest")

    async def start(self) -> None:
        """Read the index, or make it; questions are refused until then."""
        loop = asyncio.get_running_loop()
        mark = signature(self._embedder, self._corpus.config)
        self._index = await loop.run_in_executor(self._reader, self._store.load, mark)
        self._generation = self._store.generation()
        try:
            await self.ingest()
        except Problem as problem:  # a service that says what is wrong helps more than one that is gone
            logger().error(problem.detail)

    async def ingest(self) -> Outcome:
        """Bring the index up to date with the folder. One at a time; a second call waits and finds little to do."""
        loop = asyncio.get_running_loop()
        async with self._ingesting:
            try:
                index, outcome = await loop.run_in_executor(
                    self._reader, ingest, self._corpus, self._store, self._embedder, self._note
                )
            except Absent as absent:
                raise Problem(409, str(absent)) from absent
            except OSError as error:
                self._progress = f"the index cannot be written ({error}); set INDEX_DIR to a folder that can"
                raise Problem(500, f"The documents were not read: {self._progress}.") from error
            await loop.run_in_executor(self._reader, self._retriever.prepare, index)
            self._index, self._generation = index, self._store.generation()
        self._tell(outcome)
        return outcome

    async def follow(self) -> None:
        """Keep up with the folder, and with indexes that `make ingest` writes beside this service. Never returns."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_store())
            if self._corpus.config.watch:
                tasks.create_task(self._follow_folder())

    async def _follow_folder(self) -> None:
        folder, index = self._watched
        async for _ in changes(folder, self._corpus.config.watch_settle_ms, ignore=index):
            try:
                await self.ingest()
            except Problem as problem:
                logger().warning(problem.detail)
            # Whatever went wrong with new documents, questions go on being answered from those that are known.
            except Exception as error:
                logger().error("the documents were not read", exc_info=error)

    async def _follow_store(self) -> None:
        loop = asyncio.get_running_loop()
        mark = signature(self._embedder, self._corpus.config)
        while True:
            await asyncio.sleep(WATCH_S)
            async with self._ingesting:
                generation = self._store.generation()
                if generation == self._generation:
                    continue
                index = await loop.run_in_executor(self._reader, self._store.load, mark)
                self._generation = generation
                if index:
                    await loop.run_in_executor(self._reader, self._retriever.prepare, index)
                    self._index = index
                    logger().info("took over a new index", documents=len(index.entries))

    def _tell(self, outcome: Outcome) -> None:
        """Log what is new: the folder is read at every change, and what was wrong before is known."""
        for source, reason in outcome.skipped.items():
            if self._skipped.get(source) != reason:
                logger().warning("a document was skipped", source=source, reason=reason)
        self._skipped = outcome.skipped
        if not outcome.documents:
            logger().warning(self._corpus.without_documents())
        if outcome.wrote:
            logger().info(
                "the corpus is read",
                documents=outcome.documents,
                passages=outcome.passages,
                added=outcome.added,
                changed=outcome.changed,
                removed=outcome.removed,
                s=outcome.seconds,
            )

    async def missing(self) -> str | None:
        """The readiness check: None, or what is still under way."""
        return None if self._index else f"not read yet: {self._progress}"

    async def find(self, text: str, history: Sequence[ChatMessage]) -> Found:
        """What the documents hold for a question. Raises `Problem` 503 before the first index is there."""
        started = time.perf_counter()
        index = self._ready()
        titles = [entry.title for entry in islice(index.entries.values(), MOST_TITLES)]
        work = asyncio.get_running_loop().run_in_executor(self._askers, self._understand, index, text, history)
        asked, kind, query, hits, reason = await work
        ms = round((time.perf_counter() - started) * 1000, 1)
        return Found(asked, kind, hits, query, titles, history, ms, reason)

    async def search(self, text: str, k: int) -> tuple[Query, list[Hit]]:
        """A question that stands alone, as it was read, and the best `k` excerpts for it."""
        index = self._ready()

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
        hits = self._retriever.search(index, query, self._config.passages)
        kind, reason = _route(routed, hits, query)
        return asked, kind, query, hits if kind in (Route.CORPUS, Route.UNKNOWN, Route.OUT_OF_SCOPE) else [], reason

    def close(self) -> None:
        """Ends an ingest that is under way; the index in force stays."""
        self._closed = True
        self._askers.shutdown(wait=False, cancel_futures=True)
        self._reader.shutdown(wait=False, cancel_futures=True)

    def _ready(self) -> Index:
        if self._index is None:
            raise Problem(
                503,
                f"The documents are still being read ({self._progress}); try again soon.",
                headers={"Retry-After": "1"},
            )
        return self._index

    def _note(self, progress: Progress) -> None:
        if self._closed:
            raise RuntimeError("the service ends")
        self._progress = str(progress)


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
