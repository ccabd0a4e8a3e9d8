"""The folder of documents: which files there are, and their bytes. Nothing outside the folder is read."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.rag_llm.reading.documents import Limits, Unreadable
from services.rag_llm.reading.readers import ENDINGS
from services.rag_llm.settings import IngestConfig

TRIES = 3
"""How often a file is read again that was written meanwhile."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """A folder of documents and how they are read."""

    folder: Path
    config: IngestConfig

    def files(self) -> Iterator[tuple[str, Path]]:
        """(source, path) of every document, in order. Hidden files, and links that leave the folder, are passed over.

        A folder that cannot be listed has no documents. Links to folders are not followed.
        """
        root = self.folder.resolve()
        for parent, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = Path(parent, name)
                if name.startswith(".") or path.suffix.lower() not in ENDINGS:
                    continue
                if path.is_file() and path.resolve().is_relative_to(root):
                    yield source_name(path.relative_to(root)), path

    def limits(self) -> Limits:
        """What reading one of the files may take."""
        config = self.config
        return Limits(config.max_pdf_pages, config.max_unpacked_mb, config.max_read_s, config.max_read_memory_mb)

    def without_documents(self) -> str:
        """Why there is nothing to read, and what to do, as a sentence."""
        if not self.folder.is_dir():
            return (
                f"There is no folder {self.folder}: make it and put documents there, or set CORPUS_DIR to another one."
            )
        return f"There are no documents in {self.folder}: put Markdown, text, HTML, PDF, DOCX or CSV files there."

    def read(self, path: Path) -> bytes:
        """A file's bytes, as they were at one moment. Raises `Unreadable`."""
        try:
            for _ in range(TRIES):
                # A pipe that took the file's place would hang an ordinary open.
                with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                    before = self._checked(file.fileno())
                    data = file.read(self._limit + 1)
                    if len(data) > self._limit:
                        raise Unreadable(f"It is larger than {self.config.max_file_mb:g} MB.")
                    after = path.stat()
                if len(data) == after.st_size and _state(before) == _state(after):
                    return data
        except OSError as error:
            raise Unreadable(f"It cannot be opened ({error.strerror}).") from error
        raise Unreadable("It is being written; it will be read when it is complete.")

    @property
    def _limit(self) -> int:
        return int(self.config.max_file_mb * 1e6)

    def _checked(self, file: int) -> os.stat_result:
        """The state of an open file. What was opened is looked at again: links may have changed since the listing."""
        state = os.fstat(file)
        if not stat.S_ISREG(state.st_mode):
            raise Unreadable("It is no ordinary file.")
        if not Path(f"/proc/self/fd/{file}").readlink().is_relative_to(self.folder.resolve()):
            raise Unreadable("It lies outside the corpus.")
        return state


def _state(state: os.stat_result) -> tuple[int, int, int, int]:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def source_name(path: Path) -> str:
    """The path as it is shown and cited: with slashes; what cannot be printed, or is no UTF-8, is escaped."""
    name = os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
