"""CSV and TSV: a table."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice

from services.rag_llm.reading import tables
from services.rag_llm.reading.documents import Limits, Unreadable
from services.rag_llm.reading.formats.decoding import decode
from services.rag_llm.reading.outline import Outline
from services.rag_llm.reading.sentences import tidy


def read_csv(data: bytes, outline: Outline, _: Limits) -> None:
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
