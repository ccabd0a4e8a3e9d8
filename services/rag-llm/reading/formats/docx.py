"""DOCX as the HTML that it stands for, by mammoth."""

import io
import zipfile

import mammoth
from lxml import etree

from services.rag_llm.reading.documents import Limits, Unreadable
from services.rag_llm.reading.formats.html import read_markup
from services.rag_llm.reading.outline import Outline

_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
"""
_XML = (".xml", ".rels")
_BODY = "word/document.xml"
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_HIDDEN = etree.XPath("//w:r[w:rPr/w:vanish[not(@w:val = '0' or @w:val = 'false')]]", namespaces={"w": _W})


def read_docx(data: bytes, outline: Outline, limits: Limits) -> None:
    """Raises `Unreadable`, and what lxml stumbles with in a damaged file."""
    read_markup(_to_html(data, limits), outline)


def _to_html(data: bytes, limits: Limits) -> str:
    """The body as HTML, without pictures and hidden text. Raises `Unreadable`, and what lxml stumbles with."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            shown = _shown(parts, limits)
        # mammoth looks at nothing outside the file: links to other files stay links.
        html = mammoth.convert_to_html(
            shown, style_map=_STYLES, include_embedded_style_map=False, convert_image=lambda _: []
        )
    except (zipfile.BadZipFile, KeyError, NotImplementedError, EOFError) as error:
        raise Unreadable(f"It is damaged, encrypted or no DOCX ({error}).") from error
    return str(html.value)


def _shown(parts: zipfile.ZipFile, limits: Limits) -> io.BytesIO:
    """The file, safe to be read: its XML, less the text that is hidden.

    A small file can unpack to gigabytes (zipfile holds to the sizes it states), and XML can define what grows.
    """
    size = sum(part.file_size for part in parts.infolist())
    if size > limits.unpacked_mb * 1e6:
        raise Unreadable(f"It unpacks to {size / 1e6:.0f} MB, more than {limits.unpacked_mb:g}.")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as shown:
        for part in parts.infolist():
            if not part.filename.endswith(_XML):
                continue
            data = parts.read(part)
            # Without zeros UTF-16 reads like UTF-8; XML allows this word in capitals only.
            if b"<!DOCTYPE" in data.replace(b"\0", b""):
                raise Unreadable("It declares entities, which no DOCX needs.")
            shown.writestr(part.filename, _without_hidden(data) if part.filename == _BODY else data)
    return out


def _without_hidden(xml: bytes) -> bytes:
    body = etree.fromstring(xml, etree.XMLParser(resolve_entities=False))
    for run in _HIDDEN(body):
        run.getparent().remove(run)
    return bytes(etree.tostring(body))
