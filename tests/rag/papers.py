"""PDF and DOCX files as the tests need them, made on the spot."""

import io
from collections.abc import Sequence
from pathlib import Path

from docx import Document
from docx.document import Document as Docx
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, EncodedStreamObject, NameObject, StreamObject

HEIGHT = 800


def text(x: float, y: float, words: str, size: float = 11, font: str = "F1") -> str:
    """Words at a place, in points from the left and the top of a page."""
    return f"BT /{font} {size} Tf 1 0 0 1 {x} {HEIGHT - y} Tm ({words}) Tj ET "


def paragraph(x: float, y: float, *lines: str) -> str:
    return "".join(text(x, y + 14 * at, line) for at, line in enumerate(lines))


def ruled(x: float, y: float, rows: Sequence[Sequence[str]], width: float = 100, height: float = 20) -> str:
    """A table with lines around its cells."""
    right, bottom = x + width * len(rows[0]), y + height * len(rows)
    lines = [f"{x} {HEIGHT - y - height * at} m {right} {HEIGHT - y - height * at} l S " for at in range(len(rows) + 1)]
    lines += [
        f"{x + width * at} {HEIGHT - y} m {x + width * at} {HEIGHT - bottom} l S " for at in range(len(rows[0]) + 1)
    ]
    cells = [
        text(x + 4 + width * column, y + height * row + 14, cell)
        for row, cells in enumerate(rows)
        for column, cell in enumerate(cells)
    ]
    return "".join(lines + cells)


def pdf(*pages: str | bytes) -> bytes:
    """A page for each content stream, as text or compressed; F1 is Helvetica, F2 the same in bold."""
    writer = PdfWriter()
    fonts = DictionaryObject()
    for name, base in (("/F1", "/Helvetica"), ("/F2", "/Helvetica-Bold")):
        font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": base, "/Encoding": "/WinAnsiEncoding"}
        fonts[NameObject(name)] = DictionaryObject({NameObject(k): NameObject(v) for k, v in font.items()})
    for content in pages:
        page = writer.add_blank_page(width=600, height=HEIGHT)
        stream: StreamObject
        if isinstance(content, bytes):
            stream = EncodedStreamObject()
            stream._data = content
            stream[NameObject("/Filter")] = NameObject("/FlateDecode")
        else:
            stream = DecodedStreamObject()
            stream.set_data(content.encode("cp1252"))
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        page[NameObject("/Contents")] = writer._add_object(stream)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def write_pdf(path: Path, *lines: str) -> None:
    """A one-page PDF that says these lines."""
    path.write_bytes(pdf(paragraph(50, 50, *lines)))


def docx(document: Docx) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def new_docx() -> Docx:
    return Document()
