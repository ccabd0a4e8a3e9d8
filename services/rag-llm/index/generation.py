"""One generation of the index: a folder that is written once, document after document, and then only read.

| file | holds |
|---|---|
| `manifest.json` | the format, the signature, and the size of each other file: one that was cut short is noticed |
| `documents.jsonl` | a line for each document |
| `passages.jsonl`, `passages.npy` | a line for each passage; where each begins |
| `sentences.npy`, `vectors.f16` | the first sentence of each passage; a vector for each sentence |
| `vocabulary.txt`, `words.npy`, `words_starts.npy` | the terms; those of each passage, as places in the vocabulary |
| `dense.faiss` | what finds the nearest vectors of a large corpus |
"""

import json
from array import array
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from services.rag_llm.index import dense
from services.rag_llm.index.embedding.embedder import Embedder
from services.rag_llm.index.index import Index
from services.rag_llm.index.lexical import Lexical, TermLists
from services.rag_llm.index.passages import Entry, Passages, to_line
from services.rag_llm.reading.excerpts import Excerpt

FORMAT = 6
"""Grows when what is written changes its form, or documents are read in another way."""
EMBED_AT_ONCE = 512
"""Sentences that wait in memory to be embedded together: enough to sort them by length."""
COPY_AT_ONCE = 1 << 20


class Writer:
    """Writes a generation. Texts and vectors go to disk at once; what grows in memory are a few numbers a passage."""

    def __init__(self, folder: Path, signature: str, embedder: Embedder) -> None:
        """`folder` is made, and must not be there. Raises `OSError`, as everything here does."""
        folder.mkdir(parents=True)
        self.folder, self.signature, self._embedder = folder, signature, embedder
        self._lines = (folder / "passages.jsonl").open("wb")
        self._vectors = (folder / "vectors.f16").open("wb")
        self._entries: list[Entry] = []
        self._line_starts = array("q", [0])
        self._sentence_starts = array("q", [0])
        self._terms = TermLists()
        self._waiting: list[str] = []

    @property
    def passages(self) -> int:
        """How many are written so far."""
        return len(self._line_starts) - 1

    def add(
        self, source: str, title: str, digest: str, excerpts: Iterable[Excerpt], embedded: Callable[[], None]
    ) -> None:
        """A document that is new; `embedded` is called whenever some of its sentences are."""
        passages, sentences = self.passages, self._sentence_starts[-1]
        for excerpt in excerpts:
            line = to_line(excerpt)
            self._lines.write(line)
            self._line_starts.append(self._line_starts[-1] + len(line))
            self._sentence_starts.append(self._sentence_starts[-1] + len(excerpt.sentences))
            self._terms.add(f"{excerpt.path} {excerpt.text}")
            self._waiting += excerpt.in_context()
            if len(self._waiting) >= EMBED_AT_ONCE:
                self.embed()
                embedded()
        self._entries.append(
            Entry(source, title, digest, self.passages - passages, self._sentence_starts[-1] - sentences)
        )

    def keep(self, index: Index, sources: set[str]) -> None:
        """Documents of an index, as they are: their bytes are copied."""
        self.embed()
        passage = sentence = 0
        with (
            (index.folder / "passages.jsonl").open("rb") as lines,
            (index.folder / "vectors.f16").open("rb") as vectors,
        ):
            for kept, group in groupby(index.entries.values(), lambda entry: entry.source in sources):
                entries = list(group)
                first, passage = passage, passage + sum(entry.passages for entry in entries)
                first_sentence, sentence = sentence, sentence + sum(entry.sentences for entry in entries)
                if not kept:
                    continue
                self._entries += entries
                at = index.excerpts.starts[first : passage + 1]
                _copy(lines, int(at[0]), int(at[-1]), self._lines)
                _continue(self._line_starts, at)
                row = index.vectors.shape[1] * index.vectors.itemsize
                _copy(vectors, first_sentence * row, sentence * row, self._vectors)
                _continue(self._sentence_starts, index.starts[first : passage + 1])
                self._terms.keep(index.lexical, first, passage)

    def finish(self, before: Index | None) -> None:
        """Write what is left. `before` lends what was trained for its search. The folder is whole when this returns."""
        self.embed()
        self.close()
        _save_lines(self.folder / "documents.jsonl", (json.dumps(asdict(entry)) for entry in self._entries))
        _save_lines(self.folder / "vocabulary.txt", self._terms.vocabulary)
        for name, numbers in (
            ("passages", self._line_starts),
            ("sentences", self._sentence_starts),
            ("words", self._terms.ids),
            ("words_starts", self._terms.starts),
        ):
            np.save(self.folder / f"{name}.npy", np.asarray(numbers))
        old = before.folder / "dense.faiss" if before else None
        dense.write(self.folder / "dense.faiss", self.folder / "vectors.f16", self._embedder.dimensions, old)
        sizes = {path.name: path.stat().st_size for path in sorted(self.folder.iterdir())}
        manifest = {"format": FORMAT, "signature": self.signature, "dimensions": self._embedder.dimensions}
        (self.folder / "manifest.json").write_text(json.dumps(manifest | {"sizes": sizes}, indent=1), "utf-8")

    def close(self) -> None:
        """Close the files; nothing can be added afterwards."""
        self._lines.close()
        self._vectors.close()

    def embed(self) -> None:
        """Embed the sentences that wait for more."""
        if self._waiting:
            self._embedder.embed(self._waiting).astype(np.float16).tofile(self._vectors)
            self._waiting.clear()


def read(folder: Path, signature: str) -> Index | None:
    """The index in a folder, if it was made with this signature and is whole; else None."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        if manifest["format"] != FORMAT or manifest["signature"] != signature:
            return None
        if any((folder / name).stat().st_size != size for name, size in manifest["sizes"].items()):
            return None
        with (folder / "documents.jsonl").open(encoding="utf-8") as lines:
            entries = [Entry(**json.loads(line)) for line in lines]
        vocabulary = (folder / "vocabulary.txt").read_text("utf-8").split("\n")[:-1]
        vectors = _vectors(folder, manifest["dimensions"])
        return Index(
            folder,
            signature,
            entries,
            Passages(folder / "passages.jsonl", np.load(folder / "passages.npy"), entries),
            np.load(folder / "sentences.npy"),
            vectors,
            Lexical(vocabulary, np.load(folder / "words.npy"), np.load(folder / "words_starts.npy")),
            dense.read(folder / "dense.faiss", vectors),
        )
    # What was edited by hand is made anew; faiss reports it as RuntimeError.
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return None


def _vectors(folder: Path, dimensions: int) -> NDArray[np.float16]:
    path = folder / "vectors.f16"
    if not path.stat().st_size:
        return np.empty((0, dimensions), np.float16)
    return np.memmap(path, np.float16, "r").reshape(-1, dimensions)


def _save_lines(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def _continue(starts: "array[int]", others: NDArray[np.int64]) -> None:
    """Starts of another file's pieces, moved to where they begin here."""
    starts.frombytes((others[1:] - others[0] + starts[-1]).tobytes())


def _copy(source: IO[bytes], start: int, stop: int, target: IO[bytes]) -> None:
    source.seek(start)
    for size in range(start, stop, COPY_AT_ONCE):
        target.write(source.read(min(COPY_AT_ONCE, stop - size)))
