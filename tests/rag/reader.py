"""A document read as the service reads it, and what it says."""

from services.rag_llm.reading import sandbox as reading
from services.rag_llm.reading.documents import Document, Limits
from services.rag_llm.reading.tables import Row

LIMITS = Limits(pages=10, unpacked_mb=20, seconds=60, memory_mb=1500)


def read(source: str, text: str | bytes) -> Document:
    return reading.read(source, text.encode() if isinstance(text, str) else text, LIMITS)


def said(document: Document) -> list[str]:
    return [sentence for section in document.sections for sentence in section.sentences]


def rows(document: Document) -> list[Row]:
    return [row for section in document.sections for row in section.rows]
