"""Which format reads a file, by the file's ending. Nothing in a document runs.

Markdown and DOCX are read as the HTML they stand for, so all three share one way to treat headings, lists and tables.
"""

from collections.abc import Callable
from pathlib import PurePosixPath

from services.rag_llm.reading.documents import Document, Limits
from services.rag_llm.reading.outline import Outline

Reader = Callable[[bytes, Outline, Limits], None]
"""Reads a file's bytes into an outline. Raises `Unreadable`, and what its format's library stumbles with."""

ENDINGS = frozenset((".md", ".markdown", ".txt", ".html", ".htm", ".pdf", ".docx", ".csv", ".tsv"))
"""In lower case. Files with other endings are not read."""


def read_document(source: str, data: bytes, limits: Limits) -> Document:
    """The document in a file's bytes. Raises `Unreadable`, and what its reader stumbles with."""
    outline = Outline()
    reader_of(PurePosixPath(source).suffix.lower())(data, outline, limits)
    return outline.document(source)


def reader_of(ending: str) -> Reader:
    """The reader for one of `ENDINGS`; its library is loaded only where it is needed."""
    match ending:
        case ".md" | ".markdown":
            from services.rag_llm.reading.formats.markdown import read_markdown

            return read_markdown
        case ".html" | ".htm":
            from services.rag_llm.reading.formats.html import read_html

            return read_html
        case ".pdf":
            from services.rag_llm.reading.formats.pdf import read_pdf

            return read_pdf
        case ".docx":
            from services.rag_llm.reading.formats.docx import read_docx

            return read_docx
        case ".csv" | ".tsv":
            from services.rag_llm.reading.formats.csv import read_csv

            return read_csv
        case ".txt":
            from services.rag_llm.reading.formats.text import read_text

            return read_text
    raise ValueError(f"there is no reader for files that end in {ending!r}")
