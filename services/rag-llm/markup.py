"""HTML into an outline: headings, paragraphs, lists and tables become sentences that can be spoken."""

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PreformattedString, Tag

from services.rag_llm.documents import Outline
from services.rag_llm.sentences import ended, split_sentences, tidy

_NO_TEXT = frozenset(
    "title script style noscript template svg iframe object nav head form button select math canvas".split()  # noqa: SIM905  # a list of words reads better as words
)
_INLINE = frozenset(
    "a abbr b bdi cite code del dfn em font i ins kbd mark q s samp small span strong sub sup time u var".split()  # noqa: SIM905  # a list of words reads better as words
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_ENDS = (".", "!", "?", "…")
MAX_LIST_WORDS = 45
"""A list of fragments up to this long is said as one sentence."""


def read_markup(html: str, outline: Outline) -> None:
    """Scripts, styles, navigation and hidden parts are left out."""
    soup = BeautifulSoup(html, "html.parser")
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
                self.loose.append(str(node))
            elif isinstance(node, Tag):
                self.element(node)
        self.flush()

    def element(self, tag: Tag) -> None:
        if tag.name in _NO_TEXT or tag.has_attr("hidden") or tag.get("aria-hidden") == "true":
            return
        if tag.name in _INLINE:
            self.loose.append(_text(tag))
            return
        if tag.name in ("br", "img", "wbr"):
            self.loose.append(" ")
            return
        self.flush()
        match tag.name:
            case "ul" | "ol":
                self.items([_text(item) for item in tag.find_all("li", recursive=False)])
            case "table":
                self.table(tag)
            case "pre":
                self.code(_text(tag))
            case "p" | "dt" | "dd" | "figcaption" | "caption" | "summary":
                self.paragraph(_text(tag))
            case heading if heading in _HEADINGS:
                self.say_lead()
                self.outline.heading(_HEADINGS[heading], _text(tag))
            case _:
                self.children(tag)

    def flush(self) -> None:
        loose, self.loose = tidy(" ".join(self.loose)), []
        if loose:
            self.paragraph(loose)

    def paragraph(self, text: str) -> None:
        self.say_lead()
        sentences = split_sentences(text)
        if sentences and sentences[-1].endswith(":"):
            self.lead = sentences.pop().rstrip(":")
        self.outline.sentences(sentences)

    def say_lead(self) -> None:
        """Nothing followed that the lead could introduce: it stands for itself."""
        lead, self.lead = self.lead, ""
        if lead:
            self.outline.sentences([lead])

    def items(self, items: list[str]) -> None:
        items = [item for item in map(tidy, items) if item]
        lead, self.lead = self.lead, ""
        fragments = [item for item in items if not item.endswith(_ENDS)]
        if len(fragments) == len(items) > 0 and sum(len(i.split()) for i in items) <= MAX_LIST_WORDS and lead:
            joined = items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
            self.outline.sentences([f"{lead}: {joined}"])
            return
        if lead and not fragments:
            self.outline.sentences([lead])
        for item in items:
            if item in fragments and lead:
                item = f"{lead}: {item}"
            self.outline.sentences(split_sentences(ended(item)))

    def code(self, text: str) -> None:
        """A single command completes its introduction; longer code is nothing to say aloud."""
        lead, self.lead = self.lead, ""
        text = tidy(text) if len(text.strip().splitlines()) == 1 else ""
        if lead:
            self.outline.sentences([f"{lead}: {text}" if text else lead])

    def table(self, table: Tag) -> None:
        self.say_lead()
        rows = [[tidy(_text(cell)) for cell in row.find_all(["th", "td"])] for row in table.find_all("tr")]
        rows = [row for row in rows if any(row)]
        if not rows:
            return
        header = rows[0] if table.find("th") else []
        self.outline.table(header, rows[1:] if header else rows)


def _text(tag: Tag) -> str:
    """The text inside, without what is never shown."""
    return "".join(
        str(piece)
        for piece in tag.find_all(string=True)
        if not isinstance(piece, PreformattedString)
        and not any(parent.name in _NO_TEXT or parent.has_attr("hidden") for parent in piece.parents)
    )
