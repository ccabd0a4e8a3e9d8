"""The index follows the folder: only what changed is read again, and a bad file is never the end."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from services.rag_llm.answering.knowledge import Knowledge
from services.rag_llm.index.embedding.embedder import Vectors
from services.rag_llm.index.embedding.minilm import MiniLM
from services.rag_llm.index.index import Index
from services.rag_llm.index.ingestion import Absent, ingest
from services.rag_llm.index.store import Store
from services.rag_llm.reading.corpus import Corpus
from services.rag_llm.reading.formats import html
from services.rag_llm.settings import Config, RagSettings
from tests.rag.library import Library
from tests.rag.papers import write_pdf
from tests.rag.shop import DOCUMENTS, write_shop


def consistent(index: Index, minilm: MiniLM) -> bool:
    """Whether every sentence still has its own vector."""
    texts = [text for excerpt in index.excerpts for text in excerpt.in_context()]
    return np.allclose(index.vectors, minilm.embed(texts), atol=1e-4)


def test_all_documents_are_found(library: Library) -> None:
    """The first ingest reads every document, in folders as well."""
    index, outcome = library.ingest()
    assert set(index.entries) == set(DOCUMENTS)
    assert (outcome.added, outcome.skipped) == (len(DOCUMENTS), {})
    last = library.reports[-1]
    assert (last.files, last.of, last.passages) == (len(DOCUMENTS), len(DOCUMENTS), outcome.passages)


def test_nothing_changed_nothing_is_done(library: Library) -> None:
    """A second ingest embeds nothing and leaves the stored index alone."""
    library.ingest()
    before, asked = library.store.generation(), library.embedder.texts
    _, outcome = library.ingest()
    assert (outcome.unchanged, outcome.wrote) == (len(DOCUMENTS), False)
    assert (library.store.generation(), library.embedder.texts) == (before, asked)


def test_add_change_and_delete(library: Library, minilm: MiniLM) -> None:
    """Only new and changed documents are embedded, deleted ones forgotten; vectors stay with their sentences."""
    library.ingest()
    asked = library.embedder.texts
    (library.folder / "aaa.md").write_text("# Meteor\n\nThe Meteor is silent.\n")
    (library.folder / "shop.md").write_text("# The shop\n\nThe shop has moved to Bonn.\n")
    (library.folder / "comet.md").unlink()
    index, outcome = library.ingest()
    assert (outcome.added, outcome.changed, outcome.removed) == (1, 1, 1)
    assert library.embedder.texts - asked == 2
    assert "comet.md" not in index.entries
    assert consistent(index, minilm)
    assert Store(library.store.folder).load(index.signature) is not None


def test_a_renamed_document_keeps_no_ghost(library: Library) -> None:
    """A document under a new name is cited by that name alone."""
    library.ingest()
    (library.folder / "shop.md").rename(library.folder / "store.md")
    index, _ = library.ingest()
    assert "shop.md" not in {excerpt.source for excerpt in index.excerpts}
    assert "store.md" in index.entries


def test_bad_files_are_reported_and_skipped(library: Library) -> None:
    """Whatever is wrong with a file, the others are read and the reason is told."""
    (library.folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    (library.folder / "empty.md").write_text("")
    (library.folder / "binary.txt").write_bytes(bytes(range(256)))
    (library.folder / "latin.txt").write_bytes("Der Kessel heißt Käthe.".encode("cp1252"))
    (library.folder / "picture.png").write_bytes(b"\x89PNG")
    write_pdf(library.folder / "good.pdf", "The Nova kettle is made of glass.")
    with (library.folder / "huge.txt").open("wb") as file:
        file.truncate(int(library.corpus.config.max_file_mb * 1e6) + 1)
    index, outcome = library.ingest()
    assert set(outcome.skipped) == {"broken.pdf", "empty.md", "binary.txt", "huge.txt"}
    assert set(index.entries) == {*DOCUMENTS, "latin.txt", "good.pdf"}
    assert outcome.skipped["broken.pdf"].startswith("It is damaged")


def test_no_folder_no_documents(tmp_path: Path, minilm: MiniLM, config: Config) -> None:
    """A corpus that is not there is an empty one."""
    corpus = Corpus(tmp_path / "nowhere", config.ingest)
    index, outcome = ingest(corpus, Store(tmp_path / "index"), minilm, lambda _: None)
    assert (len(index.excerpts), outcome.documents) == (0, 0)


def test_a_folder_that_is_gone_is_no_reason_to_forget(library: Library, tmp_path: Path) -> None:
    """A disk that is not mounted leaves the index as it is; an empty folder empties it."""
    index, _ = library.ingest()
    library.folder.rename(tmp_path / "away")
    with pytest.raises(Absent, match="There is no folder"):
        library.ingest()
    assert set(library.store.load(index.signature).entries) == set(DOCUMENTS)  # type: ignore[union-attr]
    library.folder.mkdir()
    assert library.ingest()[1].removed == len(DOCUMENTS)


def test_a_document_that_turns_bad_is_forgotten(library: Library) -> None:
    """What can no longer be read is not quoted from memory, and comes back when it is mended."""
    library.ingest()
    good = (library.folder / "comet.md").read_bytes()
    (library.folder / "comet.md").write_bytes(b"\0")
    index, outcome = library.ingest()
    assert (set(outcome.skipped), outcome.removed) == ({"comet.md"}, 1)
    assert "comet.md" not in index.entries
    (library.folder / "comet.md").write_bytes(good)
    assert library.ingest()[1].added == 1


def test_an_unexpected_failure_of_a_reader_is_not_the_end(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that stumbles over something that nobody foresaw costs its file alone."""

    def stumble(*_: object) -> None:
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr(html, "read_html", stumble)
    index, outcome = library.ingest()
    assert outcome.skipped == {"prices.html": "It could not be understood (ZeroDivisionError: surprise)."}
    assert set(index.entries) == {*DOCUMENTS} - {"prices.html"}


def test_from_a_shell(tmp_path: Path) -> None:
    """`python -m services.rag_llm.ingest` prints its progress and what it did."""
    folder = write_shop(tmp_path / "corpus")
    (folder / "bad.pdf").write_bytes(b"bad")
    env = os.environ | {"CORPUS_DIR": str(folder), "INDEX_DIR": str(tmp_path / "index")}
    command = [sys.executable, "-m", "services.rag_llm.ingest"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    assert f"{len(DOCUMENTS)} documents" in done.stdout
    assert f"{len(DOCUMENTS)} added" in done.stdout
    assert "1 skipped" in done.stdout
    assert "skipped bad.pdf: " in done.stderr
    assert f"{len(DOCUMENTS) + 1} of {len(DOCUMENTS) + 1} files" in done.stderr


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The shell's ingest names it and says what to do."""
    env = os.environ | {"CORPUS_DIR": str(tmp_path / "nowhere"), "INDEX_DIR": str(tmp_path / "index")}
    command = [sys.executable, "-m", "services.rag_llm.ingest"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"There is no folder {tmp_path}/nowhere: make it and put documents there" in done.stderr


def test_each_corpus_has_an_index_of_its_own(tmp_path: Path) -> None:
    """Two corpora under one INDEX_DIR never share an index, and one corpus always finds its own."""
    one, other = (RagSettings(corpus_dir=tmp_path / name, index_dir=tmp_path / "index") for name in ("a", "b"))
    assert one.index_folder() != other.index_folder()
    assert one.index_folder() == RagSettings(corpus_dir=tmp_path / "a", index_dir=tmp_path / "index").index_folder()


class Gated:
    """An embedder that waits for a gate, once it is shut."""

    def __init__(self, inner: MiniLM) -> None:
        self.inner, self.name, self.dimensions = inner, inner.name, inner.dimensions
        self.entered, self.gate, self.calls = threading.Event(), threading.Event(), 0
        self.gate.set()

    def shut(self) -> None:
        self.calls = 0
        self.entered.clear()
        self.gate.clear()

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.calls += 1
        self.entered.set()
        self.gate.wait()
        return self.inner.embed(texts)


async def test_the_end_of_the_service_ends_an_ingest(tmp_path: Path, minilm: MiniLM, config: Config) -> None:
    """A service that is told to stop does not read ten thousand documents first; nothing half is put in force."""
    (tmp_path / "corpus").mkdir()
    for n in range(20):
        sentences = " ".join(f"Shelf {m} of room {n} is full." for m in range(60))
        (tmp_path / "corpus" / f"{n}.txt").write_text(sentences)
    embedder, store = Gated(minilm), Store(tmp_path / "index")
    knowledge = Knowledge(Corpus(tmp_path / "corpus", config.ingest), store, embedder, config.retrieval)
    embedder.shut()
    ingesting = asyncio.create_task(knowledge.index.ingest())
    await asyncio.to_thread(embedder.entered.wait)
    ingesting.cancel()
    knowledge.close()
    embedder.gate.set()
    await asyncio.to_thread(knowledge.index._reader.shutdown)
    assert embedder.calls == 1
    assert store.generation() is None
    assert [path for path in store.folder.iterdir() if path.is_dir()] == []
