"""Files to documents: a title, and sections of sentences under their headings. Nothing in a document runs.

Markdown is read as the HTML it stands for, so both share one way to treat headings, lists and tables.
"""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from services.rag_llm.sentences import ended, split_sentences, tidy

Row = tuple[tuple[str, str], ...]
"""(column, value) of a table's row in order; empty for a sentence that is none."""


class Unreadable(Exception):
    """This file cannot become a document; the message says why, as a sentence."""


@dataclass(frozen=True, slots=True)
class Section:
    """`headings` lead to it, outermost first, without the document's title."""

    headings: tuple[str, ...]
    sentences: tuple[str, ...]
    rows: tuple[Row, ...]  # parallel to `sentences`


@dataclass(frozen=True, slots=True)
class Document:
    """`source` is the path under the corpus, with slashes."""

    source: str
    title: str
    sections: tuple[Section, ...]


class Outline:
    """Collects sentences under the headings in force."""

    def __init__(self) -> None:
        self.title = ""
        self._path: list[tuple[int, str]] = []
        self._sections: list[tuple[tuple[str, ...], list[tuple[str, Row]]]] = []

    def heading(self, level: int, text: str) -> None:
        """A heading; the first one of the top level is the document's title."""
        text = tidy(text).rstrip(":")
        if not text:
            return
        if not self.title and level == 1 and not self._sections:
            self.title = text
            return
        self._path = [(above, words) for above, words in self._path if above < level] + [(level, text)]

    def paragraph(self, text: str) -> None:
        self.sentences(split_sentences(text))

    def table(self, header: list[str], rows: list[list[str]]) -> None:
        """A row becomes a sentence that names its columns: `Pro: price 20 euros, seats 5.`"""
        for first, *others in rows:
            names = [name[:1].lower() + name[1:] if name[1:].islower() else name for name in header[1:]]
            names += [""] * (len(others) - len(names))
            said = [f"{name} {cell}".strip() for name, cell in zip(names, others, strict=False) if cell]
            columns = (header + [""] * len(others))[: 1 + len(others)]
            row = tuple((name, cell) for name, cell in zip(columns, [first, *others], strict=False) if cell)
            self.sentences([f"{first}: {', '.join(said)}" if said else first], row)

    def sentences(self, sentences: list[str], row: Row = ()) -> None:
        """Whole sentences that belong together in this order."""
        worth = [(ended(s), row) for s in sentences if any(c.isalnum() for c in s)]
        if not worth:
            return
        headings = tuple(text for _, text in self._path if text != self.title)
        if not self._sections or self._sections[-1][0] != headings:
            self._sections.append((headings, []))
        self._sections[-1][1].extend(worth)

    def document(self, source: str) -> Document:
        """What was collected. Raises `Unreadable` if that is nothing."""
        if not self._sections:
            raise Unreadable("It holds no text.")
        title = self.title or PurePosixPath(source).stem.replace("_", " ").replace("-", " ").strip().capitalize()
        return Document(source, title, tuple(_section(*s) for s in self._sections))


def _section(headings: tuple[str, ...], said: list[tuple[str, Row]]) -> Section:
    sentences, rows = zip(*said, strict=True)
    return Section(headings, sentences, rows)


Reader = Callable[[bytes, Outline, int], None]
"""Reads a file's bytes into an outline; the number limits pages."""


def read_document(source: str, data: bytes, max_pages: int) -> Document:
    """The document in a file's bytes, by the file's ending. Raises `Unreadable`."""
    suffix = PurePosixPath(source).suffix.lower()
    outline = Outline()
    READERS[suffix](data, outline, max_pages)
    return outline.document(source)


def decode(data: bytes) -> str:
    """UTF-8 or UTF-16 by its mark, UTF-8, else Windows-1252. Raises `Unreadable` for what is no text."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    if b"\0" in data:
        raise Unreadable("It is not text.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _read_markdown(data: bytes, outline: Outline, _: int) -> None:
    from markdown_it import MarkdownIt

    text = re.sub(r"\A---\n.*?\n---\n", "", decode(data).replace("\r\n", "\n"), flags=re.DOTALL)  # front matter
    _read_markup(MarkdownIt("commonmark").enable("table").render(text), outline)


def _read_html(data: bytes, outline: Outline, _: int) -> None:
    _read_markup(decode(data), outline)


def _read_markup(html: str, outline: Outline) -> None:
    from services.rag_llm.markup import read_markup

    read_markup(html, outline)


def _read_csv(data: bytes, outline: Outline, _: int) -> None:
    """The first line names the columns."""
    text = decode(data)
    head = text.partition("\n")[0]
    delimiter = max(";\t,", key=head.count)
    rows = [[tidy(cell) for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]
    if rows:
        outline.table(rows[0], rows[1:])


_UNDERLINE = re.compile(r"[=\-~^]{3,}")


def _read_text(data: bytes, outline: Outline, _: int) -> None:
    """Paragraphs part at blank lines; an underlined line, or a short one alone without a full stop, is a heading."""
    for block in re.split(r"\n\s*\n", decode(data).replace("\r\n", "\n")):
        lines = [line.strip() for line in block.strip().splitlines()]
        if not lines:
            continue
        if len(lines) > 1 and _UNDERLINE.fullmatch(lines[1]):
            outline.heading(1 if lines[1].startswith("=") else 2, lines[0])
            lines = lines[2:]
        elif len(lines) == 1 and len(lines[0].split()) <= 8 and lines[0][-1].isalnum():
            outline.heading(2 if outline.title else 1, lines[0])
            continue
        outline.paragraph(" ".join(lines))


def _read_pdf(data: bytes, outline: Outline, max_pages: int) -> None:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted:
            raise Unreadable("It is encrypted.")
        if len(reader.pages) > max_pages:
            raise Unreadable(f"It has {len(reader.pages)} pages, more than {max_pages}.")
        if reader.metadata and reader.metadata.title:
            outline.heading(1, str(reader.metadata.title))
        pages = [page.extract_text() for page in reader.pages]
    # Damaged files make pypdf stumble over what it did not find, in as many ways as there are damages.
    except (PyPdfError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise Unreadable(f"It is damaged ({error}).") from error
    # A sentence may go on over the page: pages are joined, words that were parted at a line's end as well.
    text = re.sub(r"(?<=[a-z])-\n(?=[a-z])", "", "\n".join(pages))
    for block in re.split(r"\n\s*\n", text):
        outline.paragraph(block)


READERS: dict[str, Reader] = {
    ".md": _read_markdown,
    ".markdown": _read_markdown,
    ".txt": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".pdf": _read_pdf,
    ".csv": _read_csv,
}
"""By a file's ending; files with other endings are no documents."""
