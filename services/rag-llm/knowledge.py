"""What the service knows: the index in force, kept up to date, and how a question meets it."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from services.common.answering import ChatMessage
from services.common.errors import Problem
from services.common.logs import logger
from services.rag_llm.conversation import Asked, resolve
from services.rag_llm.corpus import Corpus
from services.rag_llm.embedder import Embedder
from services.rag_llm.index import Index
from services.rag_llm.ingest import Absent, Outcome, ingest, signature
from services.rag_llm.progress import Progress
from services.rag_llm.retrieval import Hit, search, understand
from services.rag_llm.router import Route, route
from services.rag_llm.settings import RetrievalConfig
from services.rag_llm.store import Store
from services.rag_llm.watching import changes

WATCH_S = 1.0
"""How often the store is looked at for an index that another process wrote."""


@dataclass(frozen=True, slots=True)
class Found:
    """A question, how it was understood, what was found for it, best first, and the `titles` there are to ask about.

    `form` is what is asked for: a key of the forms in `retrieval`, or blank.
    """

    asked: Asked
    route: Route
    hits: Sequence[Hit]
    form: str
    titles: Sequence[str]
    history: Sequence[ChatMessage]
    ms: float


class Knowledge:
    """Holds one index at a time; a new one takes its place between two questions. Work runs off the event loop."""

    def __init__(self, corpus: Corpus, store: Store, embedder: Embedder, config: RetrievalConfig) -> None:
        self._corpus, self._store, self._embedder, self._config = corpus, store, embedder, config
        self._watched = corpus.folder.resolve(), store.folder.resolve()
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
                    self._index = index
                    logger().info("took over a new index", documents=len(index.entries))

    def _tell(self, outcome: Outcome) -> None:
        """Log what is new: the folder is read at every change, and what was wrong before is known."""
        for source, reason in outcome.skipped.items():
            if self._skipped.get(source) != reason:
                logger().warning("a document was skipped", source=source, reason=reason)
        self._skipped = outcome.skipped
        if not outcome.documents:
            logger().warning(
                "there are no documents: put Markdown, text, HTML, PDF, DOCX or CSV files into the corpus folder",
                corpus_dir=str(self._corpus.folder),
            )
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
        routed = route(text)
        asked = resolve(routed.text, history)
        hits: list[Hit] = []
        form = ""
        kind = routed.route
        if kind is Route.CORPUS and not index.excerpts:
            kind = Route.EMPTY
        if kind is Route.CORPUS:
            hits, form = await self._search(index, asked, self._config.passages)
        titles = [entry.title for entry in index.entries.values()]
        return Found(asked, kind, hits, form, titles, history, round((time.perf_counter() - started) * 1000, 1))

    async def search(self, text: str, k: int) -> list[Hit]:
        """The best `k` excerpts for a question that stands alone."""
        index = self._ready()
        if not index.excerpts:
            return []
        hits, _ = await self._search(index, Asked(text), k)
        return hits

    def close(self) -> None:
        """Ends an ingest that is under way; the index in force stays."""
        self._closed = True
        self._askers.shutdown(wait=False, cancel_futures=True)
        self._reader.shutdown(wait=False, cancel_futures=True)

    async def _search(self, index: Index, asked: Asked, k: int) -> tuple[list[Hit], str]:
        def work() -> tuple[list[Hit], str]:
            query = understand(asked, index, self._embedder)
            return search(index, query, self._config, k), query.form

        return await asyncio.get_running_loop().run_in_executor(self._askers, work)

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
