"""Reading the corpus into the index: only what is new or changed is read and embedded again.

Documents stream to disk as they are read; memory holds one of them, and a few numbers for each passage.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from services.common.logs import logger
from services.rag_llm.corpus import Corpus
from services.rag_llm.documents import Document, Unreadable
from services.rag_llm.embedder import Embedder
from services.rag_llm.excerpts import excerpts_of
from services.rag_llm.generation import FORMAT, Writer
from services.rag_llm.index import Index
from services.rag_llm.reading import read
from services.rag_llm.settings import IngestConfig
from services.rag_llm.store import Store


@dataclass(slots=True)
class Outcome:
    """What an ingest did. `skipped` maps a file to the reason, as a sentence."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    documents: int = 0
    passages: int = 0
    sentences: int = 0
    seconds: float = 0.0

    @property
    def wrote(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is. `passages` are those that were read and embedded, in `seconds`."""

    files: int
    of: int
    passages: int
    seconds: float

    def __str__(self) -> str:
        rate = f", {self.passages / self.seconds:.0f} a second" if self.passages and self.seconds else ""
        return f"{self.files} of {self.of} files, {self.passages} new passages{rate}"


Report = Callable[[Progress], None]
"""Told after each file what is done."""


class Absent(Exception):
    """The folder is not there; the message says so, as a sentence. What is known stays."""


def signature(embedder: Embedder, config: IngestConfig) -> str:
    """An index made with another one of these is made anew."""
    return f"format {FORMAT}; {embedder.name}, {embedder.dimensions}; {config.excerpt_words} words"


def ingest(corpus: Corpus, store: Store, embedder: Embedder, report: Report) -> tuple[Index, Outcome]:
    """Bring the stored index up to date with the corpus and return it. One bad file is reported, never the end.

    Raises `OSError` if the index cannot be written, and `Absent` if a folder that was read before is gone: a disk that
    is not mounted is no reason to forget everything.
    """
    started = time.perf_counter()
    mark = signature(embedder, corpus.config)
    with store.writing():
        old = store.load(mark)
        if old and old.entries and not corpus.folder.is_dir():
            raise Absent(f"There is no folder {corpus.folder}: what was read from it before stays known.")
        with store.writer(mark, embedder) as writer:
            outcome = _read_all(corpus, old, writer, lambda f, of, p: report(Progress(f, of, p, elapsed(started))))
            if outcome.wrote or old is None:
                writer.finish(old)
                store.put_in_force(writer)
        index = store.load(mark)
    if index is None:
        raise OSError("it was written and cannot be read back")
    outcome.documents, outcome.passages = len(index.entries), len(index.excerpts)
    outcome.sentences = len(index.vectors)
    outcome.seconds = elapsed(started)
    return index, outcome


def elapsed(started: float) -> float:
    return round(time.perf_counter() - started, 3)


def _read_all(corpus: Corpus, old: Index | None, writer: Writer, tell: Callable[[int, int, int], None]) -> Outcome:
    """New documents first, then those that stay: whether these must be written is known only at the end."""
    outcome = Outcome()
    known = old.entries if old else {}
    unchanged: set[str] = set()
    files = list(corpus.files())
    for number, (source, path) in enumerate(files, start=1):
        entry = known.get(source)
        try:
            data = corpus.read(path)
            digest = hashlib.sha256(data).hexdigest()
            if entry and entry.digest == digest:
                unchanged.add(source)
            else:
                document = _document(source, data, corpus.config)
                writer.add(source, document.title, digest, excerpts_of(document, corpus.config.excerpt_words))
                outcome.added += entry is None
                outcome.changed += entry is not None
        except Unreadable as why:
            outcome.skipped[source] = str(why)
        tell(number, len(files), writer.passages)
    outcome.unchanged = len(unchanged)
    outcome.removed = len(known) - outcome.changed - outcome.unchanged
    if old and outcome.wrote:
        writer.keep(old, unchanged)
    return outcome


def _document(source: str, data: bytes, config: IngestConfig) -> Document:
    try:
        return read(source, data, config)
    except (Unreadable, OSError):
        raise
    # Readers of other people's formats stumble in as many ways as there are damaged files: one of them is not the end.
    except Exception as error:
        logger().warning("a document's reader failed", source=source, exc_info=error)
        raise Unreadable(f"It could not be understood ({type(error).__name__}: {error}).") from error
