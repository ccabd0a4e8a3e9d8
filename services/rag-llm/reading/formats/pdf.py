"""PDF into an outline: larger or bold lines are headings, ruled tables are tables, the rest is paragraphs and lists.

A PDF holds words at places and nothing else. They are taken in the order in which they were written, which follows
columns; lines that stand at the edge of several pages (a running title, a page number) are left out, and so is a table
of contents.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pdfplumber
from pdfminer.pdfdocument import PDFEncryptionError, PDFPasswordIncorrect
from pdfplumber.page import Page
from pdfplumber.utils.exceptions import PdfminerException

from services.rag_llm.reading.documents import Limits, Unreadable
from services.rag_llm.reading.formats.text import read_lines
from services.rag_llm.reading.outline import Outline
from services.rag_llm.reading.sentences import tidy
from services.rag_llm.reading.tables import looks_headed, without_empty_columns

HEADING_SIZE = 1.12
"""How much larger than the text of the document the letters of a heading are."""
MAX_HEADING_WORDS = 14
EDGE = 0.08
"""Of a page's height: where running titles stand."""
RUNNING_PAGES = 3
"""Pages that show the same line at their edge, or at the same height."""
WORD_SPACE = 0.15
"""Of a letter's size: a larger gap parts words. Justified lines shrink their spaces to little more than that."""
PARAGRAPH_GAP = 0.7
"""Of a line's height: a larger gap parts paragraphs."""
LINE_TOLERANCE = 3.0
"""Points by which words of one line may differ in height."""
MAX_SPACE = 4.0
"""Of a letter's size: words further apart do not stand in one line, but in two columns."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text and where it stands: `top` and `bottom` in points from the top of its page."""

    page: int
    top: float
    bottom: float
    text: str
    size: float  # of its letters, in points
    bold: bool
    at_edge: bool


@dataclass(frozen=True, slots=True)
class PageTable:
    """A ruled table and its cells, line by line."""

    page: int
    lines: list[list[str]]


def read_pdf(data: bytes, outline: Outline, limits: Limits) -> None:
    """Raises `Unreadable`, and what pdfminer stumbles with in a damaged file."""
    try:
        with pdfplumber.open(io.BytesIO(data)) as pdf:
            if len(pdf.pages) > limits.pages:
                raise Unreadable(f"It has {len(pdf.pages)} pages, more than {limits.pages}.")
            title = tidy(str((pdf.metadata or {}).get("Title") or ""))
            parts = [part for page in pdf.pages for part in _parts(page)]
    except PdfminerException as error:
        cause = error.args[0] if error.args else error
        if isinstance(cause, MemoryError):
            raise cause from error
        if isinstance(cause, PDFPasswordIncorrect | PDFEncryptionError):
            raise Unreadable("It is encrypted.") from error
        raise Unreadable(f"It is damaged ({cause}).") from error
    if not parts:
        raise Unreadable("It holds no text: a scan shows pictures of words.")
    _tell(_without_furniture(parts), title, outline)


def _parts(page: Page) -> Iterator[TextLine | PageTable]:
    """The lines and tables of a page, in order."""
    tables = [table for table in page.find_tables() if len(table.rows) > 1 and len(table.columns) > 1]
    words = page.extract_words(
        x_tolerance_ratio=WORD_SPACE, use_text_flow=True, keep_blank_chars=False, extra_attrs=["size", "fontname"]
    )
    said: set[int] = set()
    free: list[dict[str, Any]] = []
    for word in words:
        inside = next((at for at, table in enumerate(tables) if _inside(word, table.bbox)), None)
        if inside is None:
            free.append(word)
        elif inside not in said:
            said.add(inside)
            yield from _lines(page, free)
            free = []
            cells = [[tidy(cell or "") for cell in row] for row in tables[inside].extract(x_tolerance_ratio=WORD_SPACE)]
            yield PageTable(page.page_number, without_empty_columns([row for row in cells if any(row)]))
    yield from _lines(page, free)
    page.close()  # forgets what was parsed: memory holds one page


def _inside(word: dict[str, Any], box: tuple[float, float, float, float]) -> bool:
    left, top, right, bottom = box
    across, down = (word["x0"] + word["x1"]) / 2, (word["top"] + word["bottom"]) / 2
    return bool(left <= across <= right and top <= down <= bottom)


def _lines(page: Page, words: Sequence[dict[str, Any]]) -> Iterator[TextLine]:
    """Words that follow each other at one height are a line, unless a column's gap is between them."""
    line: list[dict[str, Any]] = []
    for word in words:
        if line and not _follows(line[-1], word):
            yield _line(page, line)
            line = []
        line.append(word)
    if line:
        yield _line(page, line)


def _follows(word: dict[str, Any], other: dict[str, Any]) -> bool:
    gap = float(other["x0"] - word["x1"])
    return abs(other["bottom"] - word["bottom"]) <= LINE_TOLERANCE and -1 <= gap <= MAX_SPACE * float(word["size"])


def _line(page: Page, words: Sequence[dict[str, Any]]) -> TextLine:
    top, bottom = min(word["top"] for word in words), max(word["bottom"] for word in words)
    return TextLine(
        page.page_number,
        top,
        bottom,
        " ".join(word["text"] for word in words),
        round(max(word["size"] for word in words), 1),
        all(re.search("bold|black|heavy", word["fontname"], re.IGNORECASE) for word in words),
        bottom < EDGE * page.height or top > (1 - EDGE) * page.height,
    )


def _without_furniture(parts: Sequence[TextLine | PageTable]) -> list[TextLine | PageTable]:
    """Without running titles and contents. Page numbers differ, so lines are compared without digits."""

    def key(part: TextLine | PageTable) -> tuple[str, int] | None:
        if isinstance(part, PageTable):
            return None
        return re.sub(r"\d+", "0", part.text), 0 if part.at_edge else round(part.top)

    pages = Counter(key for key, _ in {(key(part), part.page) for part in parts})
    return [
        part
        for part in parts
        if isinstance(part, PageTable)
        or not (
            pages[key(part)] >= RUNNING_PAGES or (part.at_edge and part.text.isdecimal()) or _LEADERS.search(part.text)
        )
    ]


_LEADERS = re.compile(r"(\. ?){5}")
"""The dots that lead to a page's number."""


def _tell(parts: Sequence[TextLine | PageTable], title: str, outline: Outline) -> None:
    sizes = Counter[float]()
    for part in parts:
        if isinstance(part, TextLine):
            sizes[part.size] += len(part.text)
    usual = sizes.most_common(1)[0][0] if sizes else 0.0
    larger = sorted((size for size in sizes if size > HEADING_SIZE * usual), reverse=True)

    def level(part: TextLine | PageTable) -> int:
        """The level of a heading, 1 for the largest letters; 0 for a part that is not a heading."""
        if (
            isinstance(part, PageTable)
            or len(part.text.split()) > MAX_HEADING_WORDS
            or part.text.endswith((".", ",", ";"))
        ):
            return 0
        if part.size in larger:
            return min(larger.index(part.size) + 1, 5)
        return min(len(larger) + 1, 6) if part.bold and not part.text.endswith(":") else 0

    if title:
        outline.heading(1, title)
    block: list[TextLine] = []
    lead = ""
    for found, group in groupby(parts, level):
        for part in group:
            if block and (found or isinstance(part, PageTable) or _parts_paragraphs(block[-1], part)):
                lead = _say(block, outline, lead)
                block = []
            if isinstance(part, PageTable):
                headed = looks_headed(part.lines)
                outline.table(part.lines[0] if headed else (), part.lines[headed:], lead.rstrip(":"))
                lead = ""
            elif not found:
                block.append(part)
            else:
                outline.heading(found, part.text)
    lead = _say(block, outline, lead)
    outline.paragraph(lead)


def _parts_paragraphs(line: TextLine, other: TextLine) -> bool:
    """Whether a new paragraph begins. A sentence may go on over the page."""
    if line.page != other.page or other.top < line.top:
        return line.text.endswith((".", "!", "?", ":")) or not other.text[:1].islower()
    return other.top - line.bottom > PARAGRAPH_GAP * (line.bottom - line.top)


def _say(block: Sequence[TextLine], outline: Outline, lead: str) -> str:
    # Words that were parted at a line's end are joined.
    text = re.sub(r"(?<=[a-zà-ÿ])-\n(?=[a-zà-ÿ])", "", "\n".join(line.text for line in block))
    return read_lines(text.split("\n"), outline, lead) if block else lead
