"""HTML into an outline: headings, paragraphs, lists and tables become sentences that can be spoken."""

import re
from collections.abc import Callable, Iterable, Iterator

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PageElement, PreformattedString, Tag

from services.rag_llm.reading.documents import Limits
from services.rag_llm.reading.formats.decoding import decode
from services.rag_llm.reading.lists import Item
from services.rag_llm.reading.outline import Outline
from services.rag_llm.reading.sentences import split_sentences, tidy
from services.rag_llm.reading.tables import looks_headed, without_empty_columns

_NO_TEXT = frozenset(
    "title script style noscript template svg iframe object nav head form button select math canvas".split()  # noqa: SIM905  # a list of words reads better as words
)
_INLINE = frozenset(
    "a abbr b bdi cite code del dfn em font i ins kbd mark q s samp small span strong sub sup time u var".split()  # noqa: SIM905  # a list of words reads better as words
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_HIDDEN = re.compile(
    r"(display\s*:\s*none|visibility\s*:\s*hidden|(font-size|opacity)\s*:\s*0(?![.\d]))", re.IGNORECASE
)
_NEVER_CLOSED = re.compile(r"</?(?:wbr|source|track)\b[^<>]*>", re.IGNORECASE)
"""Tags without an end that libxml2 does not know: it would put the rest of the page inside them."""
_LISTS = ("ul", "ol")
MAX_SPAN = 100
"""Columns or rows that one cell may cover: more is a mistake, or meant to fill the memory."""


def read_html(data: bytes, outline: Outline, _: Limits) -> None:
    """A page in UTF-8, UTF-16 or Windows-1252. Raises `Unreadable` for what is no text."""
    read_markup(decode(data), outline)


def read_markup(html: str, outline: Outline) -> None:
    """Scripts, styles, navigation and hidden parts are left out."""
    soup = BeautifulSoup(_NEVER_CLOSED.sub("", html), "lxml")  # closes what authors leave open
    _Walk(outline).children(soup)
    if not outline.title and soup.title:
        outline.title = tidy(soup.title.get_text())


class _Walk:
    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self.loose: list[str] = []  # text that stands in no paragraph yet
        self.lead = ""  # a paragraph that ends with a colon: it introduces what follows

    def children(self, parent: Tag) -> None:
        for node in parent.children:
            if isinstance(node, PreformattedString):  # comments, declarations
                continue
            if isinstance(node, NavigableString):
                self.loose.append(_one_line(node))
            elif isinstance(node, Tag):
                self.element(node)
        self.flush()

    def element(self, tag: Tag) -> None:
        if _is_hidden(tag):
            return
        if tag.name in _INLINE:
            self.loose.append(_text(tag))
            return
        if tag.name in ("br", "img"):
            self.loose.append("\n" if tag.name == "br" else " ")
            return
        self.flush()
        match tag.name:
            case "ul" | "ol":
                self.items(tag)
            case "dl":
                self.definitions(tag)
            case "table" if not tag.find(("table", *_HEADINGS)):  # others only arrange a page
                self.table(tag)
            case "pre":
                self.code(_text(tag, str))
            case "p" | "figcaption" | "summary":
                self.paragraph(_text(tag))
            case heading if heading in _HEADINGS:
                self.say_lead()
                self.outline.heading(_HEADINGS[heading], _text(tag))
            case _:
                self.children(tag)

    def flush(self) -> None:
        loose, self.loose = "".join(self.loose), []
        if loose.strip():
            self.paragraph(loose)

    def paragraph(self, text: str) -> None:
        self.say_lead()
        if tidy(text).endswith(":"):
            *before, last = split_sentences(text)
            self.lead = last.rstrip(":")
            self.outline.sentences(before)
        else:
            self.outline.paragraph(text)

    def say_lead(self) -> None:
        """Nothing followed that the lead could introduce: it stands for itself."""
        lead, self.lead = self.lead, ""
        if lead:
            self.outline.sentences([lead])

    def items(self, tag: Tag) -> None:
        lead, self.lead = self.lead, ""
        self.outline.items(list(_items(tag)), lead)

    def definitions(self, tag: Tag) -> None:
        """Terms and what they mean: a table of two columns."""
        lead, self.lead = self.lead, ""
        pairs: list[list[str]] = []
        for part in tag.find_all(("dt", "dd")):
            text = tidy(_text(part))
            if part.name == "dt" or not pairs:
                pairs.append([text, ""])
            else:
                pairs[-1][1] = f"{pairs[-1][1]}, {text}".lstrip(", ")
        self.outline.table((), pairs, lead)

    def code(self, text: str) -> None:
        """A single command completes its introduction; longer code is nothing to say aloud."""
        lead, self.lead = self.lead, ""
        text = tidy(text) if len(text.strip().splitlines()) == 1 else ""
        if lead:
            self.outline.sentences([f"{lead}: {text}" if text else lead])

    def table(self, table: Tag) -> None:
        lead, self.lead = self.lead, ""
        caption = table.find("caption")
        lines, named = _grid(table)
        if not lines:
            return
        if named:
            header = [" ".join(dict.fromkeys(filter(None, names))) for names in zip(*lines[:named], strict=True)]
        elif looks_headed(lines):
            header, named = lines[0], 1
        else:
            header = []
        self.outline.table(header, lines[named:], tidy(_text(caption)) if isinstance(caption, Tag) else lead)


def _items(tag: Tag) -> Iterator[Item]:
    """The items of a list, each with those of the lists inside it."""
    for item in tag.find_all(("li", *_LISTS), recursive=False):
        if _is_hidden(item):
            continue
        if item.name in _LISTS:  # a list straight in a list: its items belong to the same one
            yield from _items(item)
            continue
        inner = [below for below in item.find_all(_LISTS) if below.find_parent("li") is item]
        below = tuple(entry for part in inner for entry in _items(part))
        text = tidy(_text(item, without=inner))
        if text or below:
            yield Item(text, below) if text else Item("", below)


def _grid(table: Tag) -> tuple[list[list[str]], int]:
    """The cells, all lines of one length, and how many lines at the top name the columns.

    A cell that covers several places says its text in each of them, except one that covers a whole line: it stands
    first, alone.
    """
    lines: list[list[str]] = []
    named = 0
    below: dict[int, tuple[int, str]] = {}  # column to (lines yet to cover, text) of a cell that reaches down
    for line_tag in table.find_all("tr"):
        if _is_hidden(line_tag):
            continue
        line: list[str] = []
        cells = line_tag.find_all(("th", "td"), recursive=False)
        for cell in cells:
            _cover(line, below)
            text = tidy(_text(cell))
            across, down = _span(cell, "colspan"), _span(cell, "rowspan")
            for _ in range(across):
                if down > 1:
                    below[len(line)] = (down - 1, text)
                line.append(text)
        _cover(line, below)
        if len(cells) == 1 and _span(cells[0], "colspan") == len(line):
            line[1:] = [""] * (len(line) - 1)
        if not any(line):
            continue
        if named == len(lines) and _names_columns(cells):
            named += 1
        lines.append(line)
    full = without_empty_columns(lines)
    return full, named if named < len(full) else 0


def _cover(line: list[str], below: dict[int, tuple[int, str]]) -> None:
    """Continue the line with the cells of lines above that reach down into it."""
    while len(line) in below:
        left, text = below.pop(len(line))
        if left > 1:
            below[len(line)] = (left - 1, text)
        line.append(text)


def _names_columns(cells: Iterable[Tag]) -> bool:
    filled = [cell for cell in cells if tidy(_text(cell))]
    return bool(filled) and all(cell.name == "th" or cell.find_parent("thead") is not None for cell in filled)


def _span(cell: Tag, name: str) -> int:
    value = str(cell.get(name, ""))
    return min(max(int(value), 1), MAX_SPAN) if value.isdecimal() else 1


def _is_hidden(tag: Tag) -> bool:
    return (
        tag.name in _NO_TEXT
        or tag.has_attr("hidden")
        or tag.get("aria-hidden") == "true"
        or bool(_HIDDEN.search(str(tag.get("style", ""))))
    )


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _text(tag: Tag, of: Callable[[str], str] = _one_line, without: Iterable[Tag] = ()) -> str:
    """The text inside, without what is never shown; `\\n` where a line is broken on purpose."""
    pieces: list[str] = []

    def walk(node: PageElement) -> None:
        if isinstance(node, PreformattedString):
            return
        if isinstance(node, NavigableString):
            pieces.append(of(str(node)))
        elif isinstance(node, Tag) and not _is_hidden(node) and not any(node is other for other in without):
            if node.name == "br":
                pieces.append("\n")
            apart = node.name not in _INLINE and node is not tag
            pieces.append(" " if apart else "")
            for child in node.children:
                walk(child)
            pieces.append(" " if apart else "")

    walk(tag)
    return "".join(pieces)
