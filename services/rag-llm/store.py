"""The index on disk. A generation is a folder that is written once; `current` names the one in force.

`current` is replaced in one step, so a reader meets either the old index or the new one, and a writer that dies
leaves the old one in force.
"""

import fcntl
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import faiss

from services.rag_llm.documents import Row
from services.rag_llm.excerpts import Excerpt
from services.rag_llm.index import Entry, Index

FORMAT = 2
"""Grows when what is written changes its form."""


class Store:
    """`folder` is `INDEX_DIR`; it is made when the first index is saved."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def generation(self) -> str | None:
        """The name of the generation in force; None: there is none, or none that can be read: saving says why."""
        try:
            return (self.folder / "current").read_text("utf-8").strip() or None
        except OSError:
            return None

    def load(self, signature: str) -> Index | None:
        """The index in force, if it was made with this signature and is whole; else None."""
        while (name := self.generation()) is not None:
            index = self._read(self.folder / name, signature)
            # A writer may have replaced this generation while it was being read: then the next one counts.
            if index or self.generation() == name:
                return index
        return None

    def _read(self, folder: Path, signature: str) -> Index | None:
        try:
            manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
            if manifest["format"] != FORMAT or manifest["signature"] != signature:
                return None
            with (folder / "documents.jsonl").open(encoding="utf-8") as lines:
                entries = [_entry(json.loads(line)) for line in lines]
            stored = faiss.read_index(str(folder / "sentences.faiss"))
            return Index(signature, entries, stored.reconstruct_n(0, stored.ntotal))
        # What was cut short or edited by hand is made anew; faiss reports it as RuntimeError.
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            return None

    def save(self, index: Index) -> None:
        """Write a generation, put it in force and remove the others. Raises `OSError`."""
        name = uuid.uuid4().hex[:12]
        folder = self.folder / name
        folder.mkdir(parents=True)
        with (folder / "documents.jsonl").open("w", encoding="utf-8") as lines:
            lines.writelines(json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in index.entries.values())
        try:
            faiss.write_index(index.flat, str(folder / "sentences.faiss"))
        except RuntimeError as error:  # faiss's own, for a full disk as well
            raise OSError(f"the vectors were not written: {error}") from error
        manifest = {"format": FORMAT, "signature": index.signature, "sentences": len(index.vectors)}
        (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
        pointer = self.folder / f"current.{name}"
        pointer.write_text(name, "utf-8")
        pointer.replace(self.folder / "current")
        for other in self.folder.iterdir():
            if other.is_dir() and other.name != name and (other / "manifest.json").exists():
                shutil.rmtree(other, ignore_errors=True)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One writer at a time, over all processes; others wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _entry(line: dict[str, object]) -> Entry:
    excerpts = tuple(
        Excerpt(e["id"], e["source"], e["title"], tuple(e["headings"]), tuple(e["sentences"]), _rows(e["rows"]))
        for e in line["excerpts"]  # type: ignore[attr-defined]  # a list of what `asdict` made of an Excerpt
    )
    return Entry(str(line["source"]), str(line["title"]), str(line["digest"]), excerpts)


def _rows(rows: list[list[list[str]]]) -> tuple[Row, ...]:
    return tuple(tuple((column, value) for column, value in row) for row in rows)
