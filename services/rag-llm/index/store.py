"""The index on disk: `current` names the generation in force.

`current` is replaced in one step, so a reader meets either the old index or the new one, and a writer that dies
leaves the old one in force.
"""

import fcntl
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.rag_llm.index import generation
from services.rag_llm.index.embedding.embedder import Embedder
from services.rag_llm.index.generation import Writer
from services.rag_llm.index.index import Index

_GENERATION = re.compile(r"[0-9a-f]{12}")


class Store:
    """`folder` holds the index of one corpus; it is made when the first index is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._loaded: Index | None = None  # the last one: it need not be read again while it is in force

    def generation(self) -> str | None:
        """The name of the generation in force; None if there is none, or it cannot be read, which writing reports."""
        try:
            name = (self.folder / "current").read_text("utf-8").strip()
        except (OSError, ValueError):
            return None
        return name if _GENERATION.fullmatch(name) else None

    def load(self, signature: str) -> Index | None:
        """The index in force, if it was made with this signature and is whole; else None."""
        while (name := self.generation()) is not None:
            if (last := self._loaded) and (last.folder.name, last.signature) == (name, signature):
                return last
            index = self._loaded = generation.read(self.folder / name, signature)
            # A writer may have replaced this generation while it was being read: then the next one counts.
            if index or self.generation() == name:
                return index
        return None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Wait until no other writer, of any process, is at work, and keep further ones waiting. Raises `OSError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def writer(self, signature: str, embedder: Embedder) -> Iterator[Writer]:
        """A generation to write, while `writing`. It is removed afterwards unless `put_in_force` was called with it."""
        writer = Writer(self.folder / uuid.uuid4().hex[:12], signature, embedder)
        try:
            yield writer
        finally:
            writer.close()
            self._sweep()

    def put_in_force(self, writer: Writer) -> None:
        """Readers meet this generation from now on. Raises `OSError`."""
        pointer = self.folder / "current.new"
        pointer.write_text(writer.folder.name, "utf-8")
        pointer.replace(self.folder / "current")

    def _sweep(self) -> None:
        """Remove the generations that are not in force, those that a killed writer left behind as well."""
        current = self.generation()
        for folder in self.folder.iterdir():
            if folder.is_dir() and folder.name != current and _GENERATION.fullmatch(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
