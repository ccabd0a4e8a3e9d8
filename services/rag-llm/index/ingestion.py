"""Reading the corpus into the index: only what is new or changed is read and embedded again.

Documents stream to disk as they are read; memory holds one of them, and a few numbers for each passage.
"""

import hashlib
import time
from dataclasses import dataclass, field
from functools import partial

from services.rag_llm.index.embedding.embedder import Embedder
from services.rag_llm.index.generation import FORMAT, Writer
from services.rag_llm.index.index import Index
from services.rag_llm.index.progress import IngestProgress, Report
from services.rag_llm.index.store import Store
from services.rag_llm.index.terms import SYNONYMS
from services.rag_llm.reading.corpus import Corpus
from services.rag_llm.reading.documents import Unreadable
from services.rag_llm.reading.excerpts import excerpts_of
from services.rag_llm.reading.sandbox import read
from services.rag_llm.settings import IngestConfig


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
        """Whether there is anything new to put in force."""
        return bool(self.added or self.changed or self.removed)


class Absent(Exception):
    """The folder is not there; the message says so, as a sentence. What is known stays."""


def signature(embedder: Embedder, config: IngestConfig) -> str:
    """Names what an index is made with; an index with another signature is made anew."""
    return f"format {FORMAT}; {embedder.name}, {embedder.dimensions}; {config.excerpt_words} words; synonyms {SYNONYMS}"


def ingest(corpus: Corpus, store: Store, embedder: Embedder, report: Report) -> tuple[Index, Outcome]:
    """Bring the stored index up to date with the corpus and return it.

    A file that cannot be read is reported, and the rest is read. Raises `OSError` if the index cannot be written, and
    `Absent` if a folder that was read before is gone: a disk that is not mounted is no reason to forget everything.
    """
    started = time.perf_counter()
    mark = signature(embedder, corpus.config)
    with store.writing():
        old = store.load(mark)
        if old and old.entries and not corpus.folder.is_dir():
            raise Absent(f"There is no folder {corpus.folder}: what was read from it before stays known.")
        with store.writer(mark, embedder) as writer:
            outcome = _read_all(corpus, old, writer, report, started)
            if outcome.wrote or old is None:
                writer.finish(old)
                store.put_in_force(writer)
        index = store.load(mark)
    if index is None:
        raise OSError("it was written and cannot be read back")
    outcome.documents, outcome.passages = len(index.entries), len(index.excerpts)
    outcome.sentences = len(index.vectors)
    outcome.seconds = round(time.perf_counter() - started, 3)
    return index, outcome


def _read_all(corpus: Corpus, old: Index | None, writer: Writer, report: Report, started: float) -> Outcome:
    """New documents first, then those that stay: whether these must be written is known only at the end."""
    outcome = Outcome()
    known = old.entries if old else {}
    unchanged: set[str] = set()
    files = list(corpus.files())

    def tell(done: int) -> None:
        report(IngestProgress(done, len(files), writer.passages, time.perf_counter() - started))

    for done, (source, path) in enumerate(files):
        tell(done)
        entry = known.get(source)
        try:
            data = corpus.read(path)
            digest = hashlib.sha256(data).hexdigest()
            if entry and entry.digest == digest:
                unchanged.add(source)
                continue
            document = read(source, data, corpus.limits())
        except Unreadable as why:
            outcome.skipped[source] = str(why)
            continue
        outcome.added += entry is None
        outcome.changed += entry is not None
        writer.add(
            source, document.title, digest, excerpts_of(document, corpus.config.excerpt_words), partial(tell, done)
        )
    writer.embed()
    tell(len(files))
    outcome.unchanged = len(unchanged)
    outcome.removed = len(known) - outcome.changed - outcome.unchanged
    if old and outcome.wrote:
        writer.keep(old, unchanged)
    return outcome
