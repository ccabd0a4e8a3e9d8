"""The index in force, kept up to date with the folder of documents and with what other processes write."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from services.common.errors import Problem
from services.common.logs import logger
from services.rag_llm.index.embedding.embedder import Embedder
from services.rag_llm.index.index import Index
from services.rag_llm.index.ingestion import Absent, Outcome, ingest, signature
from services.rag_llm.index.progress import IngestProgress
from services.rag_llm.index.store import Store
from services.rag_llm.index.watching import changes
from services.rag_llm.reading.corpus import Corpus

WATCH_S = 1.0
"""How often the store is looked at for an index that another process wrote."""


class LiveIndex:
    """Holds one index at a time; a new one takes its place between two questions. Work runs off the event loop."""

    def __init__(self, corpus: Corpus, store: Store, embedder: Embedder, prepare: Callable[[Index], None]) -> None:
        """`prepare` is called with each new index before it is in force, in the thread that reads."""
        self._corpus, self._store, self._embedder, self._prepare = corpus, store, embedder, prepare
        self._watched = corpus.folder.resolve(), store.folder.resolve()
        self._index: Index | None = None
        self._generation: str | None = None
        self._progress = "reading the documents"
        self._changing = asyncio.Lock()
        self._skipped: dict[str, str] = {}
        self._closed = False
        self._reader = ThreadPoolExecutor(1, "ingest")

    def current(self) -> Index:
        """The index in force. Raises `Problem` 503 before the first one is there."""
        if self._index is None:
            raise Problem(
                503,
                f"The documents are still being read ({self._progress}); try again soon.",
                headers={"Retry-After": "1"},
            )
        return self._index

    async def missing(self) -> str | None:
        """The readiness check: None, or what is still under way."""
        return None if self._index else f"not read yet: {self._progress}"

    async def start(self) -> None:
        """Read the index, or make it; questions are refused until then."""
        async with self._changing:
            self._index = await self._load()
            self._generation = self._store.generation()
        try:
            await self.ingest()
        except Problem as problem:  # a service that says what is wrong helps more than one that is gone
            logger().error(problem.detail)

    async def ingest(self) -> Outcome:
        """Bring the index up to date with the folder. One at a time; a second call waits and finds little to do.

        Raises `Problem` 409 if the folder is gone, 500 if the index cannot be written.
        """
        loop = asyncio.get_running_loop()
        async with self._changing:
            try:
                index, outcome = await loop.run_in_executor(
                    self._reader, ingest, self._corpus, self._store, self._embedder, self._note
                )
            except Absent as absent:
                raise Problem(409, str(absent)) from absent
            except OSError as error:
                self._progress = f"the index cannot be written ({error}); set INDEX_DIR to a folder that can"
                raise Problem(500, f"The documents were not read: {self._progress}.") from error
            await self._put_in_force(index, self._store.generation())
        self._tell(outcome)
        return outcome

    async def serve(self) -> None:
        """Read the index, then take over those that `make ingest` writes beside this service. Never returns."""
        await self.start()
        while True:
            await asyncio.sleep(WATCH_S)
            async with self._changing:
                generation = self._store.generation()
                if generation == self._generation:
                    continue
                index = await self._load()
                self._generation = generation
                if index:
                    await self._put_in_force(index, generation)
                    logger().info("took over a new index", documents=len(index.entries))

    async def follow_folder(self) -> None:
        """Read the folder again whenever something in it changed. Never returns."""
        folder, index = self._watched
        async for _ in changes(folder, self._corpus.config.watch_settle_ms, ignore=index):
            try:
                await self.ingest()
            except Problem as problem:
                logger().warning(problem.detail)
            # Whatever went wrong with new documents, questions go on being answered from those that are known.
            except Exception as error:
                logger().error("the documents were not read", exc_info=error)

    def close(self) -> None:
        """Ends an ingest that is under way; the index in force stays."""
        self._closed = True
        self._reader.shutdown(wait=False, cancel_futures=True)

    async def _load(self) -> Index | None:
        mark = signature(self._embedder, self._corpus.config)
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._store.load, mark)

    async def _put_in_force(self, index: Index, generation: str | None) -> None:
        await asyncio.get_running_loop().run_in_executor(self._reader, self._prepare, index)
        self._index, self._generation = index, generation

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

    def _note(self, progress: IngestProgress) -> None:
        if self._closed:
            raise RuntimeError("the service ends")
        self._progress = str(progress)
