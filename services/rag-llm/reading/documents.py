"""Files to documents: a title, and sections of sentences under their headings. Nothing in a document runs.

Markdown and DOCX are read as the HTML they stand for, so all three share one way to treat headings, lists and tables.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

from services.rag_llm.reading import tables
from services.rag_llm.reading.lists import BULLET, Item, sentences_of
from services.rag_llm.reading.sentences import ended, split_sentences, tidy
from services.rag_llm.reading.tables import Line, Row

CAPTION, GROUP = 7, 8
"""Levels of headings below those of a document: a table's, and that of some of its rows."""


class Unreadable(Exception):
    """This file cannot become a document; the message says why, as a sentence."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may take: pages of a PDF, megabytes that a DOCX unpacks to, seconds and megabytes."""

    pages: int
    unpacked_mb: float
    seconds: float
    memory_mb: int


MAX_SECTION = 500
"""Sentences after which a section goes on as another one, so that a large document can be taken piece by piece."""


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
        self.end(level)
        self._path.append((level, text))

    def end(self, level: int) -> None:
        """The headings of this level and below no longer hold."""
        self._path = [(above, words) for above, words in self._path if above < level]

    def paragraph(self, text: str) -> None:
        """A paragraph. Lines that all name something and its value (`Phone: 123`) are a table of two columns."""
        lines = [line for line in map(tidy, text.split("\n")) if line]
        if len(lines) > 1 and (pairs := [_PAIR.fullmatch(line) for line in lines]) and all(pairs):
            self.table((), [pair.groups() for pair in pairs if pair])
        else:
            self.sentences(split_sentences(" ".join(lines)))

    def items(self, items: Sequence[Item], lead: str = "") -> None:
        """A list, after the words that introduce it. Of names and what belongs to each, every item stands alone."""
        pairs = [_PAIR.fullmatch(item.text) for item in items if not item.below]
        named = [pair[1] for pair in pairs if pair]
        if lead and len(named) == len(items) > 1:
            self.sentences(list(sentences_of([Item(name) for name in named], lead)))
            self.sentences([item.text for item in items])
        else:
            self.sentences(list(sentences_of(items, lead)))

    def table(self, header: Line, lines: Sequence[Line], caption: str = "") -> None:
        """A row becomes a sentence that names its columns: `Pro: price 20 euros, seats 5.`"""
        self.heading(CAPTION, caption)
        for group, sentence, row in tables.rows(header, lines):
            self.end(GROUP)
            self.heading(GROUP, group)
            self._add([(sentence, row)])
        self.end(CAPTION)

    def sentences(self, sentences: Sequence[str]) -> None:
        """Whole sentences that belong together in this order."""
        self._add([(sentence, ()) for sentence in sentences])

    def _add(self, said: Sequence[tuple[str, Row]]) -> None:
        worth = [(ended(sentence), row) for sentence, row in said if any(c.isalnum() for c in sentence)]
        if not worth:
            return
        headings = tuple(text for _, text in self._path if text != self.title)
        if not self._sections or self._sections[-1][0] != headings or len(self._sections[-1][1]) >= MAX_SECTION:
            self._sections.append((headings, []))
        self._sections[-1][1].extend(worth)

    def document(self, source: str) -> Document:
        """What was collected. Raises `Unreadable` if that is nothing."""
        if not self._sections:
            raise Unreadable("It holds no text.")
        title = self.title or PurePosixPath(source).stem.replace("_", " ").replace("-", " ").strip().capitalize()
        return Document(source, title, tuple(_section(*s) for s in self._sections))


_PAIR = re.compile(r"(\w[^:.!?]{0,40}):\s+(\S.*)")


def _section(headings: tuple[str, ...], said: list[tuple[str, Row]]) -> Section:
    sentences, rows = zip(*said, strict=True)
    return Section(headings, sentences, rows)


Reader = Callable[[bytes, Outline, Limits], None]
"""Reads a file's bytes into an outline."""


def read_document(source: str, data: bytes, limits: Limits) -> Document:
    """The document in a file's bytes, by the file's ending. Raises `Unreadable`, and what a reader stumbles with."""
    suffix = PurePosixPath(source).suffix.lower()
    outline = Outline()
    READERS[suffix](data, outline, limits)
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


def _read_markdown(data: bytes, outline: Outline, _: Limits) -> None:
    from markdown_it import MarkdownIt

    text = re.sub(r"\A---\n.*?\n---\n", "", decode(data).replace("\r\n", "\n"), flags=re.DOTALL)  # front matter
    _read_markup(MarkdownIt("commonmark").enable("table").render(text), outline)


def _read_html(data: bytes, outline: Outline, _: Limits) -> None:
    _read_markup(decode(data), outline)


def _read_markup(html: str, outline: Outline) -> None:
    from services.rag_llm.reading.formats.html import read_markup

    read_markup(html, outline)


def _read_csv(data: bytes, outline: Outline, _: Limits) -> None:
    """A table; lines above it with a single cell are its caption."""
    try:
        text = re.sub(r"\Asep=.\r?\n", "", decode(data))  # a spreadsheet's note to itself
        lines = [[tidy(cell) for cell in line] for line in _csv_lines(text)]
    except csv.Error as error:
        raise Unreadable(f"It is no table ({error}).") from error
    lines = tables.without_empty_columns([line for line in lines if any(line)])
    caption = ""
    while len(lines) > 1 and len(lines[0]) > 1 and not any(lines[0][1:]):
        caption = lines.pop(0)[0]
    # Unlike other tables one that is written as CSV has a header unless the first line holds values.
    headed = len(lines) > 1 and tables.looks_like_names(lines[0])
    outline.table(lines[0] if headed else (), lines[headed:], caption)


def _csv_lines(text: str) -> Sequence[list[str]]:
    """The lines, parted by what parts the first ones most evenly: comma, semicolon, tab or bar."""

    def lines(delimiter: str) -> Iterator[list[str]]:
        return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)

    def evenness(delimiter: str) -> tuple[int, int]:
        widths = [len(line) for line in islice(lines(delimiter), 20) if len(line) > 1]
        common = max(set(widths), key=widths.count, default=0)
        return widths.count(common), common

    return list(lines(max(",;\t|", key=evenness)))


_UNDERLINE = re.compile(r"[=\-~^]{3,}")


def _read_text(data: bytes, outline: Outline, _: Limits) -> None:
    """Paragraphs part at blank lines; an underlined line, or a short one alone without a full stop, is a heading."""
    lead = ""
    for block in re.split(r"\n\s*\n", decode(data).replace("\r\n", "\n")):
        lines = [line.strip() for line in block.strip().splitlines()]
        if len(lines) > 1 and _UNDERLINE.fullmatch(lines[1]):
            outline.heading(1 if lines[1].startswith("=") else 2, lines[0])
            lines = lines[2:]
        elif len(lines) == 1 and len(lines[0].split()) <= 8 and lines[0][-1:].isalnum():
            outline.heading(2 if outline.title else 1, lines[0])
            continue
        lead = read_lines(lines, outline, lead)
    outline.paragraph(lead)


def read_lines(lines: Sequence[str], outline: Outline, lead: str = "") -> str:
    """A block of plain text: a paragraph, then perhaps a list. `lead` introduces it; returns the lead of the next."""
    first = next((at for at, line in enumerate(lines) if BULLET.match(line)), len(lines))
    items: list[str] = []
    for line in lines[first:]:
        if found := BULLET.match(line):
            items.append(line[found.end() :])
        else:
            items[-1] += f" {line}"
    if before := lines[:first]:
        outline.paragraph(lead)
        lead = ""
        if before[-1].endswith(":"):
            *rest, lead = split_sentences(" ".join(before))
            before = [" ".join(rest)]
        outline.paragraph("\n".join(before))
    if items:
        outline.items([Item(tidy(item)) for item in items], lead.rstrip(":"))
        lead = ""
    return lead


def _read_pdf(data: bytes, outline: Outline, limits: Limits) -> None:
    from services.rag_llm.reading.formats.pdf import read_pdf

    read_pdf(data, outline, limits)


def _read_docx(data: bytes, outline: Outline, limits: Limits) -> None:
    from services.rag_llm.reading.formats.docx import to_html

    _read_markup(to_html(data, limits), outline)


READERS: dict[str, Reader] = {
    ".md": _read_markdown,
    ".markdown": _read_markdown,
    ".txt": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".pdf": _read_pdf,
    ".docx": _read_docx,
    ".csv": _read_csv,
    ".tsv": _read_csv,
}
"""By a file's ending; files with other endings are no documents."""
