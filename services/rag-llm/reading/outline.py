"""The outline that every format is read into: sentences, lists and tables under the headings in force."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from services.rag_llm.reading import tables
from services.rag_llm.reading.documents import Document, Section, Unreadable
from services.rag_llm.reading.lists import Item, sentences_of
from services.rag_llm.reading.sentences import ended, split_sentences, tidy
from services.rag_llm.reading.tables import Line, Row

CAPTION, GROUP = 7, 8
"""Levels of headings below those of a document: a table's, and that of some of its rows."""
MAX_SECTION = 500
"""Sentences after which a section goes on as another one, so that a large document can be taken piece by piece."""
_PAIR = re.compile(r"(\w[^:.!?]{0,40}):\s+(\S.*)")


class Outline:
    """Collects sentences under the headings in force."""

    def __init__(self) -> None:
        self.title = ""
        self._path: list[tuple[int, str]] = []
        self._sections: list[tuple[tuple[str, ...], list[tuple[str, Row]]]] = []

    def heading(self, level: int, text: str) -> None:
        """A heading; the first one of the top level is the document's title."""
        text = tidy(text).rstrip(":")
        if not text:
            return
        if not self.title and level == 1 and not self._sections:
            self.title = text
            return
        self.end(level)
        self._path.append((level, text))

    def end(self, level: int) -> None:
        """The headings of this level and below no longer hold."""
        self._path = [(above, words) for above, words in self._path if above < level]

    def paragraph(self, text: str) -> None:
        """A paragraph. Lines that all name something and its value (`Phone: 123`) are a table of two columns."""
        lines = [line for line in map(tidy, text.split("\n")) if line]
        if len(lines) > 1 and (pairs := [_PAIR.fullmatch(line) for line in lines]) and all(pairs):
            self.table((), [pair.groups() for pair in pairs if pair])
        else:
            self.sentences(split_sentences(" ".join(lines)))

    def items(self, items: Sequence[Item], lead: str = "") -> None:
        """A list, after the words that introduce it. Of names and what belongs to each, every item stands alone."""
        pairs = [_PAIR.fullmatch(item.text) for item in items if not item.below]
        named = [pair[1] for pair in pairs if pair]
        if lead and len(named) == len(items) > 1:
            self.sentences(list(sentences_of([Item(name) for name in named], lead)))
            self.sentences([item.text for item in items])
        else:
            self.sentences(list(sentences_of(items, lead)))

    def table(self, header: Line, lines: Sequence[Line], caption: str = "") -> None:
        """A row becomes a sentence that names its columns: `Pro: price 20 euros, seats 5.`"""
        self.heading(CAPTION, caption)
        for group, sentence, row in tables.rows(header, lines):
            self.end(GROUP)
            self.heading(GROUP, group)
            self._add([(sentence, row)])
        self.end(CAPTION)

    def sentences(self, sentences: Sequence[str]) -> None:
        """Whole sentences that belong together in this order."""
        self._add([(sentence, ()) for sentence in sentences])

    def _add(self, said: Sequence[tuple[str, Row]]) -> None:
        worth = [(ended(sentence), row) for sentence, row in said if any(c.isalnum() for c in sentence)]
        if not worth:
            return
        headings = tuple(text for _, text in self._path if text != self.title)
        if not self._sections or self._sections[-1][0] != headings or len(self._sections[-1][1]) >= MAX_SECTION:
            self._sections.append((headings, []))
        self._sections[-1][1].extend(worth)

    def document(self, source: str) -> Document:
        """What was collected. Raises `Unreadable` if that is nothing."""
        if not self._sections:
            raise Unreadable("It holds no text.")
        title = self.title or PurePosixPath(source).stem.replace("_", " ").replace("-", " ").strip().capitalize()
        return Document(source, title, tuple(_section(*s) for s in self._sections))


def _section(headings: tuple[str, ...], said: list[tuple[str, Row]]) -> Section:
    sentences, rows = zip(*said, strict=True)
    return Section(headings, sentences, rows)
