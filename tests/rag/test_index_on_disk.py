"""The index on disk: whole at any moment, whoever dies, stops, writes beside it or damages it."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from services.rag_llm.index.embedding.minilm import MiniLM
from services.rag_llm.index.generation import FORMAT
from services.rag_llm.index.ingestion import ingest, signature
from services.rag_llm.index.progress import IngestProgress
from services.rag_llm.index.store import Store
from services.rag_llm.reading.corpus import Corpus
from services.rag_llm.retrieval.follow_ups import Asked
from services.rag_llm.retrieval.meanings import Meanings
from services.rag_llm.retrieval.retriever import Retriever
from services.rag_llm.settings import Config
from tests.rag.library import Library
from tests.rag.privileges import unprivileged
from tests.rag.shop import DOCUMENTS

KILLED = """
import os, signal, sys
from pathlib import Path
from services.rag_llm.reading.corpus import Corpus
from services.rag_llm.index.embedding.factory import open_embedder
from services.rag_llm.index.ingestion import ingest
from services.rag_llm.settings import read_config
from services.rag_llm.index.store import Store

def die(progress):
    if progress.passages > 30:
        os.kill(os.getpid(), signal.SIGKILL)

folder, config = Path(sys.argv[1]), read_config()
ingest(Corpus(folder / "corpus", config.ingest), Store(folder / "index"), open_embedder(config), die)
"""
"""An ingest that kills its process in the middle."""


def test_rows_of_tables_outlive_a_restart(library: Library) -> None:
    """The columns of a row come back from the disk as they were, beside sentences that are no rows."""
    (library.folder / "mixed.md").write_text("# Sizes\n\nAll are in stock.\n\n|Size|Price|\n|--|--|\n|S|3 euros|\n")
    library.ingest()
    index = Store(library.store.folder).load(signature(library.embedder, library.corpus.config))
    assert index is not None
    (mixed,) = [excerpt for excerpt in index.excerpts if excerpt.source == "mixed.md"]
    assert mixed.rows == ((), (("Size", "S"), ("Price", "3 euros")))
    assert mixed.path == "Sizes"


def test_a_killed_ingest_leaves_the_old_index(library: Library) -> None:
    """kill -9 in the middle: the old index is in force, and the next ingest clears away what was left behind."""
    index, _ = library.ingest()
    for n in range(50):
        (library.folder / f"new{n}.md").write_text(f"# Shelf {n}\n\nThe shelf {n} is full.\n")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(library.folder.parent)], timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = [path.name for path in library.store.folder.iterdir() if path.is_dir()]
    assert len(left) == 2
    found = Store(library.store.folder).load(index.signature)
    assert found is not None
    assert set(found.entries) == set(DOCUMENTS)
    _, outcome = library.ingest()
    assert outcome.added == 50
    assert [path.name for path in library.store.folder.iterdir() if path.is_dir()] == [library.store.generation()]


def test_two_processes_at_once(library: Library) -> None:
    """Two ingests over one index wait for each other; the second finds nothing to do."""
    env = os.environ | {"CORPUS_DIR": str(library.folder), "INDEX_DIR": str(library.store.folder)}
    command = [sys.executable, "-m", "services.rag_llm.ingest"]
    both = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate(timeout=60)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert [f"{len(DOCUMENTS)} added" in text for text in said] == [False, True]
    assert f"{len(DOCUMENTS)} unchanged" in said[0]


def test_an_index_folder_that_is_read_only(library: Library, tmp_path: Path) -> None:
    """It is said; what is there is still read."""
    index, _ = library.ingest()
    (library.folder / "new.md").write_text("Something new.")
    with unprivileged(tmp_path):
        library.store.folder.chmod(0o500)
        with pytest.raises(PermissionError):
            library.ingest()
        assert Store(library.store.folder).load(index.signature) is not None
        library.store.folder.chmod(0o700)


def test_an_ingest_that_is_stopped_leaves_nothing(library: Library) -> None:
    """What raises out of the report ends the ingest; the index stays as it was."""

    def stop(_: IngestProgress) -> None:
        raise RuntimeError("stop")

    index, _ = library.ingest()
    (library.folder / "new.md").write_text("Something new.")
    with pytest.raises(RuntimeError):
        ingest(library.corpus, library.store, library.embedder, stop)
    assert [path.name for path in library.store.folder.iterdir() if path.is_dir()] == [index.folder.name]


def test_other_settings_make_the_index_anew(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index of another model, of other synonyms or of other settings is not used."""
    library.ingest()
    asked = library.embedder.texts
    library.embedder.name = "another model"
    index, _ = library.ingest()
    assert library.embedder.texts == 2 * asked
    assert "another model" in index.signature
    with monkeypatch.context() as changed:
        changed.setattr("services.rag_llm.index.ingestion.SYNONYMS", "others")
        assert library.store.load(signature(library.embedder, library.corpus.config)) is None
    assert library.store.load(signature(library.embedder, library.corpus.config)) is not None
    library.corpus = Corpus(library.folder, library.corpus.config.model_copy(update={"excerpt_words": 20}))
    assert library.store.load(signature(library.embedder, library.corpus.config)) is None


@pytest.mark.parametrize("name", ["manifest.json", "documents.jsonl", "passages.jsonl", "vectors.f16", "words.npy"])
def test_a_damaged_index_is_made_anew(library: Library, name: str) -> None:
    """An index that was cut short is noticed and written again."""
    whole, _ = library.ingest()
    path = next(library.store.folder.glob(f"*/{name}"))
    path.write_bytes(path.read_bytes()[:-30])
    library.store = Store(library.store.folder)  # as after a restart
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
    assert json.loads(manifests[0].read_text())["format"] == FORMAT


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
