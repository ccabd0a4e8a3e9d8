"""The index follows the folder: only what changed is read again, and a bad file is never the end."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from services.rag_llm.conversation import Asked
from services.rag_llm.embedder import Progress, Vectors
from services.rag_llm.embedder_minilm import MiniLM
from services.rag_llm.index import Index
from services.rag_llm.ingest import Corpus, Outcome, ingest, signature
from services.rag_llm.meanings import Meanings
from services.rag_llm.retrieval import Retriever
from services.rag_llm.settings import Config, IngestConfig, RagSettings
from services.rag_llm.store import Store
from tests.rag.shop import DOCUMENTS, write_pdf, write_shop


class Counting:
    """The real embedder, counting what it is asked for."""

    def __init__(self, inner: MiniLM) -> None:
        self.inner, self.name, self.dimensions, self.texts = inner, inner.name, inner.dimensions, 0

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        self.texts += len(texts)
        return self.inner.embed(texts, progress)


class Library:
    """A folder of documents with its index."""

    def __init__(self, folder: Path, minilm: MiniLM, config: IngestConfig) -> None:
        self.folder = write_shop(folder / "corpus")
        self.store = Store(folder / "index")
        self.embedder = Counting(minilm)
        self.corpus = Corpus(self.folder, config)
        self.reports: list[str] = []

    def ingest(self) -> tuple[Index, Outcome]:
        return ingest(self.corpus, self.store, self.embedder, self.reports.append)


@pytest.fixture
def library(tmp_path: Path, minilm: MiniLM, config: Config) -> Library:
    return Library(tmp_path, minilm, config.ingest)


def consistent(index: Index, minilm: MiniLM) -> bool:
    """Whether every sentence still has its own vector."""
    texts = [text for excerpt in index.excerpts for text in excerpt.in_context()]
    return np.allclose(index.vectors, minilm.embed(texts), atol=1e-4)


def test_all_documents_are_found(library: Library) -> None:
    """The first ingest reads every document, in folders as well."""
    index, outcome = library.ingest()
    assert set(index.entries) == set(DOCUMENTS)
    assert (outcome.added, outcome.skipped) == (len(DOCUMENTS), {})
    assert library.reports[-1] == f"embedded {outcome.sentences} of {outcome.sentences} sentences"


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
    assert any(report.startswith("skipped broken.pdf: It is damaged") for report in library.reports)


def test_links_out_of_the_corpus_are_not_followed(library: Library, tmp_path: Path) -> None:
    """Nothing outside the folder is read, by whatever name."""
    (tmp_path / "secret.md").write_text("The password is swordfish.")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.md").write_text("The password is swordfish.")
    (library.folder / "link.md").symlink_to(tmp_path / "secret.md")
    (library.folder / "linked").symlink_to(tmp_path / "elsewhere")
    (library.folder / "gone.md").symlink_to(tmp_path / "nowhere.md")
    (library.folder / ".hidden.md").write_text("Hidden.")
    os.mkfifo(library.folder / "pipe.md")
    index, _ = library.ingest()
    assert set(index.entries) == set(DOCUMENTS)


def test_no_folder_no_documents(tmp_path: Path, minilm: MiniLM, config: Config) -> None:
    """A corpus that is not there is an empty one."""
    corpus = Corpus(tmp_path / "nowhere", config.ingest)
    index, outcome = ingest(corpus, Store(tmp_path / "index"), minilm, lambda _: None)
    assert (len(index.excerpts), outcome.documents) == (0, 0)


def test_other_settings_make_the_index_anew(library: Library) -> None:
    """An index of another model or of other settings is not used."""
    library.ingest()
    asked = library.embedder.texts
    library.embedder.name = "another model"
    index, _ = library.ingest()
    assert library.embedder.texts == 2 * asked
    assert "another model" in index.signature
    library.corpus = Corpus(library.folder, library.corpus.config.model_copy(update={"excerpt_words": 20}))
    assert library.store.load(signature(library.embedder, library.corpus.config)) is None


@pytest.mark.parametrize("name", ["manifest.json", "documents.jsonl", "sentences.faiss"])
def test_a_damaged_index_is_made_anew(library: Library, name: str) -> None:
    """An index that was cut short is noticed and written again."""
    whole, _ = library.ingest()
    path = next(library.store.folder.glob(f"*/{name}"))
    path.write_bytes(path.read_bytes()[:-30])
    assert library.store.load(whole.signature) is None
    index, _ = library.ingest()
    again = library.store.load(whole.signature)
    assert again is not None
    assert np.array_equal(again.vectors, index.vectors)


def test_one_generation_is_kept(library: Library) -> None:
    """Old generations go once the new one is in force."""
    for n in range(3):
        (library.folder / "new.md").write_text(f"Version {n} of this document.")
        library.ingest()
    manifests = list(library.store.folder.glob("*/manifest.json"))
    assert [path.parent.name for path in manifests] == [library.store.generation()]
    assert json.loads(manifests[0].read_text())["format"] == 2


def test_searching_while_ingesting(library: Library, minilm: MiniLM, config: Config) -> None:
    """Readers in other threads always meet a whole index, and writers wait for each other."""
    index, _ = library.ingest()
    retriever = Retriever(Meanings(minilm), config.retrieval)
    query = retriever.understand(index, Asked("How much does the Rocket weigh?"))
    stop = threading.Event()
    sources: list[str] = []
    failures: list[Exception] = []

    def read() -> None:
        try:
            while not stop.is_set():
                now = library.store.load(index.signature)
                assert now is not None
                hits = retriever.search(now, query, 3)
                sources.append(hits[0].excerpt.source)
        except Exception as error:  # told by the test
            failures.append(error)

    def write(name: str) -> None:
        for n in range(4):
            (library.folder / name).write_text(f"The shelf number {n} of {name} is full.")
            library.ingest()

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(f"{n}.md",)) for n in range(2)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert failures == []
    assert set(sources) == {"rocket.md"}
    final = library.store.load(index.signature)
    assert final is not None
    assert {"0.md", "1.md"} <= set(final.entries)


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
    assert "embedded " in done.stderr


def test_each_corpus_has_an_index_of_its_own(tmp_path: Path) -> None:
    """Two corpora under one INDEX_DIR never share an index, and one corpus always finds its own."""
    one, other = (RagSettings(corpus_dir=tmp_path / name, index_dir=tmp_path / "index") for name in ("a", "b"))
    assert one.index_folder() != other.index_folder()
    assert one.index_folder() == RagSettings(corpus_dir=tmp_path / "a", index_dir=tmp_path / "index").index_folder()
