"""Tables to sentences: which line names the columns, and how a row is said so that it makes sense alone."""

import re
from collections.abc import Iterator, Sequence

Row = tuple[tuple[str, str], ...]
"""(column, value) in order; the column is blank where it has no name. Empty for a sentence that is not a row."""

Line = Sequence[str]

MAX_ROW_WORDS = 45
"""A longer row is said in several sentences, each about the same thing: its first cell."""
MAX_NAME_WORDS = 8
_VALUE = re.compile(r"[-+(~<>≤≥]*\s?[€$£]?\s?\d")
_YEAR = re.compile(r"(19|20)\d\d")


def is_value(cell: str) -> bool:
    """Whether a cell holds a number, a price or a date; then it cannot be the name of a column."""
    return bool(_VALUE.match(cell)) and not _YEAR.fullmatch(cell)


def looks_like_names(line: Line) -> bool:
    """Whether a line could name columns: all of it words, short and different."""
    filled = [cell for cell in line if cell]
    return (
        len(filled) >= max(1, len(line) - 1)  # the corner may be empty
        and all(line[1:])
        and len(set(filled)) == len(filled)
        and not any(is_value(cell) or len(cell.split()) > MAX_NAME_WORDS for cell in filled)
    )


def looks_headed(lines: Sequence[Line]) -> bool:
    """Whether the first line of an unmarked table names its columns.

    Two columns may as well be a list of names with their values, so there the values must differ from the line above.
    """
    first, *others = lines
    if not others or not looks_like_names(first):
        return False
    if len(first) > 2:
        return True
    return any(not is_value(name) and all(is_value(line[at]) for line in others) for at, name in enumerate(first))


def rows(header: Line, lines: Sequence[Line]) -> Iterator[tuple[str, str, Row]]:
    """(group, sentence, row) for each line; a long one is said in several sentences.

    A line with nothing but its first cell, in a table of three columns or more, names the group of the lines below it.
    A table of two columns without a header lists names with their values: each is a row of one pair.
    """
    group = ""
    width = max(map(len, (header, *lines)), default=0)
    names = [*header, *[""] * (width - len(header))]
    for line in lines:
        if width >= 3 and line[0] and not any(line[1:]):
            group = line[0]
        elif width == 2 and not header and len(line) == 2 and all(line):
            yield group, f"{line[0].rstrip(':')}: {line[1]}", ((line[0].rstrip(":"), line[1]),)
        else:
            pairs = tuple((name, cell) for name, cell in zip(names, line, strict=False) if cell)
            subject = pairs[:1] if line[0] else ()
            for part in _parts(pairs[len(subject) :], _words(subject)):
                yield group, _said(subject, part), subject + part


def _parts(pairs: Row, words: int) -> Iterator[Row]:
    """The pairs, cut where they get too many to be said after a subject of so many words."""
    part: Row = ()
    for pair in pairs:
        if part and words + _words(part) + _words((pair,)) > MAX_ROW_WORDS:
            yield part
            part = ()
        part += (pair,)
    yield part


def _words(pairs: Row) -> int:
    return sum(len(name.split()) + len(value.split()) for name, value in pairs)


def _said(subject: Row, others: Row) -> str:
    """`Pro: price 20 euros, seats 5`."""
    cells = ", ".join(f"{_inside(name)} {value.rstrip('.')}".strip() for name, value in others)
    if not subject:
        return cells
    name, value = subject[0]
    if not cells:
        return f"{name}: {value}" if name else value
    return f"{value.rstrip(':')}: {cells}"


def _inside(name: str) -> str:
    """A column's name in the middle of a sentence."""
    first = name.partition(" ")[0]
    return name[:1].lower() + name[1:] if first[1:].islower() else name


def without_empty_columns(lines: Sequence[Line]) -> list[list[str]]:
    """The lines, all of one length, less the columns that no line fills."""
    width = max(map(len, lines), default=0)
    full = [[*line, *[""] * (width - len(line))] for line in lines]
    filled = [at for at in range(width) if any(line[at] for line in full)]
    return [[line[at] for at in filled] for line in full]
