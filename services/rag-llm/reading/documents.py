"""What reading makes of a file: a document with a title, and sections of sentences under their headings."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.rag_llm.reading.tables import Row


class Unreadable(Exception):
    """This file cannot become a document; the message says why, as a sentence."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may take: pages of a PDF, megabytes that a DOCX unpacks to, seconds and megabytes."""

    pages: int
    unpacked_mb: float
    seconds: float
    memory_mb: int


@dataclass(frozen=True, slots=True)
class Section:
    """`headings` lead to it, outermost first, without the document's title. `rows` is parallel to `sentences`."""

    headings: tuple[str, ...]
    sentences: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """`source` is the path under the corpus, with slashes. The sections may lie on disk."""

    source: str
    title: str
    sections: Iterable[Section]
