"""DOCX as the HTML that it stands for, by mammoth."""

import io
import zipfile

import mammoth

from services.rag_llm.documents import Limits, Unreadable

_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
"""
_XML = (".xml", ".rels")


def to_html(data: bytes, limits: Limits) -> str:
    """The document's body as HTML, without pictures. Raises `Unreadable`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            _check(parts, limits)
        # The reader looks at nothing outside the file: links to other files stay links.
        html = mammoth.convert_to_html(
            io.BytesIO(data), style_map=_STYLES, include_embedded_style_map=False, convert_image=lambda _: []
        )
    except (zipfile.BadZipFile, KeyError, NotImplementedError, EOFError) as error:
        raise Unreadable(f"It is damaged, encrypted or no DOCX ({error}).") from error
    return str(html.value)


def _check(parts: zipfile.ZipFile, limits: Limits) -> None:
    """A small file can unpack to gigabytes (zipfile holds to the sizes it states), and XML can define what grows."""
    size = sum(part.file_size for part in parts.infolist())
    if size > limits.unpacked_mb * 1e6:
        raise Unreadable(f"It unpacks to {size / 1e6:.0f} MB, more than {limits.unpacked_mb:g}.")
    for part in parts.infolist():
        # Without zeros UTF-16 reads like UTF-8; XML allows this word in capitals only.
        if part.filename.endswith(_XML) and b"<!DOCTYPE" in parts.read(part).replace(b"\0", b""):
            raise Unreadable("It declares entities, which no DOCX needs.")
