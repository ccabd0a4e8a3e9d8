"""Plain text: paragraphs, headings and lists by the way they are set."""

import re
from collections.abc import Sequence

from services.rag_llm.reading.documents import Limits
from services.rag_llm.reading.formats.decoding import decode
from services.rag_llm.reading.lists import BULLET, Item
from services.rag_llm.reading.outline import Outline
from services.rag_llm.reading.sentences import split_sentences, tidy

_UNDERLINE = re.compile(r"[=\-~^]{3,}")


def read_text(data: bytes, outline: Outline, _: Limits) -> None:
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
