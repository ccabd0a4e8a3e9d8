"""Reads one file: what is large or has to be unpacked is read in a process of its own, with limits.

A file can be made to unpack to many times its size, to keep its reader busy for hours, or to crash it. It takes only
that process with it, and the service goes on.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import IO

from services.rag_llm.reading.documents import Document, Limits, Section, Unreadable
from services.rag_llm.reading.readers import read_document

UNPACKED = frozenset((".pdf", ".docx"))
LARGE = 1_000_000
"""Bytes from which on any file is read apart."""


def read(source: str, data: bytes, limits: Limits) -> Document:
    """The document in a file's bytes. Raises `Unreadable`, whatever is wrong with them."""
    if len(data) < LARGE and PurePosixPath(source).suffix.lower() not in UNPACKED:
        return _read_here(source, data, limits)
    command = [sys.executable, "-m", "services.rag_llm.reading.sandbox", source, json.dumps(asdict(limits))]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    out = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the document that is read from it
    try:
        done = subprocess.run(
            command, input=data, env=env, stdout=out, stderr=subprocess.PIPE, timeout=limits.seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unreadable(f"Reading it took longer than {limits.seconds:g} s.") from None
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise Unreadable(f"Its reader ended with {done.returncode} ({last or 'it was killed'}).")
    out.seek(0)
    head = json.loads(out.readline())
    if "unreadable" in head:
        raise Unreadable(head["unreadable"])
    return Document(source, head["title"], _Sections(out))


class _Sections(Iterable[Section]):
    """The sections that a reader wrote into a file, after its first line."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __iter__(self) -> Iterator[Section]:
        self._file.seek(0)
        self._file.readline()
        for line in self._file:
            section = json.loads(line)
            rows = tuple(tuple((name, value) for name, value in row) for row in section["rows"])
            yield Section(tuple(section["headings"]), tuple(section["sentences"]), rows)


def _read_here(source: str, data: bytes, limits: Limits) -> Document:
    try:
        return read_document(source, data, limits)
    except Unreadable:
        raise
    except MemoryError:
        raise Unreadable(f"Reading it takes more than {limits.memory_mb} MB of memory.") from None
    except RecursionError:
        raise Unreadable("It is nested too deeply.") from None
    # Readers of other people's formats stumble in as many ways as there are damaged files: one of them is not the end.
    except Exception as error:
        raise Unreadable(f"It could not be understood ({type(error).__name__}: {error}).") from error


def main() -> None:
    """`python -m services.rag_llm.reading.sandbox SOURCE LIMITS`.

    Takes a file on standard input; writes its title, then its sections, a line of JSON each, to standard output.
    """
    source, limits = sys.argv[1], Limits(**json.loads(sys.argv[2]))
    memory = limits.memory_mb * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    try:
        document = _read_here(source, sys.stdin.buffer.read(), limits)
    except Unreadable as why:
        sys.stdout.write(json.dumps({"unreadable": str(why)}) + "\n")
        return
    sys.stdout.write(json.dumps({"title": document.title}) + "\n")
    for section in document.sections:
        sys.stdout.write(json.dumps(asdict(section)) + "\n")


if __name__ == "__main__":
    main()
