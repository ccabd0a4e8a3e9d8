"""The passages on disk: excerpts as lines of JSON, each read when it is asked for, so that no text stays in memory."""

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from services.rag_llm.reading.excerpts import Excerpt


@dataclass(frozen=True, slots=True)
class Entry:
    """A document in the index: `digest` is of the file's bytes; how many passages and sentences it has."""

    source: str
    title: str
    digest: str
    passages: int
    sentences: int


def to_line(excerpt: Excerpt) -> bytes:
    """What stands once for the whole document, source and title, is not repeated."""
    line: dict[str, object] = {"id": excerpt.id, "headings": excerpt.headings, "sentences": excerpt.sentences}
    if any(excerpt.rows):
        line["rows"] = excerpt.rows
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


class Passages(Sequence[Excerpt]):
    """The excerpts of all documents in order. May be read from several threads."""

    def __init__(self, path: Path, starts: NDArray[np.int64], entries: Sequence[Entry]) -> None:
        """`starts`: where each line begins in the file, and its end. Raises `OSError`."""
        self._bytes = np.memmap(path, np.uint8, "r") if starts[-1] else np.empty(0, np.uint8)
        self.starts = starts
        self._entries = entries
        self._firsts = np.cumsum([0, *(entry.passages for entry in entries)]).tolist()

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, row: int) -> Excerpt: ...
    @overload
    def __getitem__(self, row: slice) -> list[Excerpt]: ...

    def __getitem__(self, row: int | slice) -> Excerpt | list[Excerpt]:
        if isinstance(row, slice):
            return [self[at] for at in range(*row.indices(len(self)))]
        if not 0 <= row < len(self):
            raise IndexError(row)
        entry = self._entries[bisect_right(self._firsts, row) - 1]
        line = json.loads(self._bytes[self.starts[row] : self.starts[row + 1]].tobytes())
        sentences = tuple(line["sentences"])
        rows = tuple(tuple((column, value) for column, value in pairs) for pairs in line.get("rows", ()))
        return Excerpt(
            line["id"], entry.source, entry.title, tuple(line["headings"]), sentences, rows or ((),) * len(sentences)
        )

    def __iter__(self) -> Iterator[Excerpt]:
        return (self[row] for row in range(len(self)))
