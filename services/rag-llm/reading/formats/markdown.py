"""Markdown, read as the HTML that it stands for."""

import re

from markdown_it import MarkdownIt

from services.rag_llm.reading.documents import Limits
from services.rag_llm.reading.formats.decoding import decode
from services.rag_llm.reading.formats.html import read_markup
from services.rag_llm.reading.outline import Outline


def read_markdown(data: bytes, outline: Outline, _: Limits) -> None:
    """CommonMark with tables. Front matter is left out."""
    text = re.sub(r"\A---\n.*?\n---\n", "", decode(data).replace("\r\n", "\n"), flags=re.DOTALL)
    read_markup(MarkdownIt("commonmark").enable("table").render(text), outline)
