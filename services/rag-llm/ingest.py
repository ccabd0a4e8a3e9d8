"""Reading the corpus into the index: only what is new or changed is read and embedded again.

From a shell: `python -m services.rag_llm.ingest` (or `make ingest`). A running service picks the new index up.
"""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from services.common.settings import read_settings
from services.rag_llm.documents import READERS, Unreadable, read_document
from services.rag_llm.embedder import Embedder, open_embedder
from services.rag_llm.excerpts import excerpts_of
from services.rag_llm.index import Entry, Index, empty_index
from services.rag_llm.settings import IngestConfig, RagSettings, read_config
from services.rag_llm.store import FORMAT, Store

Report = Callable[[str], None]
"""Told, in words, what is under way."""


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
class Corpus:
    """A folder of documents and how they are read."""

    folder: Path
    config: IngestConfig

    def files(self) -> Iterator[tuple[str, Path]]:
        """(source, path) of every document, in order. Hidden files and links that leave the folder are none."""
        root = self.folder.resolve()
        for parent, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = Path(parent, name)
                if name.startswith(".") or path.suffix.lower() not in READERS:
                    continue
                if path.resolve().is_relative_to(root) and path.is_file():
                    yield path.relative_to(root).as_posix(), path

    def read(self, path: Path) -> bytes:
        """A file's bytes. Raises `Unreadable`."""
        limit = int(self.config.max_file_mb * 1e6)
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise Unreadable(f"It cannot be opened ({error.strerror}).") from error
        if len(data) > limit:
            raise Unreadable(f"It is larger than {self.config.max_file_mb:g} MB.")
        return data


def signature(embedder: Embedder, config: IngestConfig) -> str:
    """An index made with another one of these is made anew."""
    return f"format {FORMAT}; {embedder.name}, {embedder.dimensions}; {config.excerpt_words} words"


def ingest(corpus: Corpus, store: Store, embedder: Embedder, report: Report) -> tuple[Index, Outcome]:
    """Bring the stored index up to date with the corpus and return it. One bad file is reported, never the end."""
    started = time.perf_counter()
    with store.writing():
        mark = signature(embedder, corpus.config)
        index = store.load(mark)
        fresh = index is None
        old = index or empty_index(mark, embedder.dimensions)
        outcome = Outcome()
        entries = list(_entries(corpus, old, outcome))
        sources = {entry.source for entry in entries}
        outcome.removed = sum(source not in sources for source in old.entries)
        if outcome.wrote or fresh:
            old = _assemble(mark, old, entries, embedder, report)
            store.save(old)
    outcome.documents, outcome.passages = len(old.entries), len(old.excerpts)
    outcome.sentences = len(old.vectors)
    outcome.seconds = round(time.perf_counter() - started, 3)
    for source, reason in outcome.skipped.items():
        report(f"skipped {source}: {reason}")
    return old, outcome


def _entries(corpus: Corpus, old: Index, outcome: Outcome) -> Iterator[Entry]:
    for source, path in corpus.files():
        known = old.entries.get(source)
        try:
            data = corpus.read(path)
            digest = hashlib.sha256(data).hexdigest()
            if known and known.digest == digest:
                outcome.unchanged += 1
                yield known
                continue
            document = read_document(source, data, corpus.config.max_pdf_pages)
        except Unreadable as why:
            outcome.skipped[source] = str(why)
            continue
        outcome.added += known is None
        outcome.changed += known is not None
        yield Entry(source, document.title, digest, tuple(excerpts_of(document, corpus.config.excerpt_words)))


def _assemble(mark: str, old: Index, entries: list[Entry], embedder: Embedder, report: Report) -> Index:
    """The entries with the vectors that the old index holds already, and new ones for the rest."""
    new = [entry for entry in entries if old.entries.get(entry.source) is not entry]
    texts = [text for entry in new for excerpt in entry.excerpts for text in excerpt.in_context()]
    embedded = embedder.embed(texts, lambda done, all_: report(f"embedded {done} of {all_} sentences"))
    vectors = np.empty((sum(entry.rows for entry in entries), embedder.dimensions), np.float32)
    at = taken = 0
    for entry in entries:
        if old.entries.get(entry.source) is entry:
            vectors[at : at + entry.rows] = old.rows_of(entry.source)
        else:
            vectors[at : at + entry.rows] = embedded[taken : taken + entry.rows]
            taken += entry.rows
        at += entry.rows
    return Index(mark, entries, vectors)


def main() -> None:
    settings, config = read_settings(RagSettings), read_config()
    if not settings.corpus_dir.is_dir():
        raise SystemExit(f"There is no folder {settings.corpus_dir}: put documents there, or set CORPUS_DIR.")
    # One line that moves on a terminal; a line each in a file.
    end = "\r" if sys.stderr.isatty() else "\n"

    def report(text: str) -> None:
        sys.stderr.write(f"\x1b[2K{text}{end}" if end == "\r" and not text.startswith("skipped") else f"{text}\n")
        sys.stderr.flush()

    corpus = Corpus(settings.corpus_dir, config.ingest)
    _, outcome = ingest(corpus, Store(settings.index_folder()), open_embedder(settings, config), report)
    rate = outcome.passages / outcome.seconds if outcome.wrote and outcome.seconds else 0
    sys.stdout.write(
        f"{outcome.documents} documents, {outcome.passages} passages in {settings.index_folder()}: "
        f"{outcome.added} added, {outcome.changed} changed, {outcome.removed} removed, "
        f"{outcome.unchanged} unchanged, {len(outcome.skipped)} skipped, in {outcome.seconds:.1f} s"
        + (f" ({rate:.0f} passages a second)\n" if rate else "\n")
    )


if __name__ == "__main__":
    main()
