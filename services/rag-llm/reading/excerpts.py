"""Documents to excerpts: whole sentences of one section, the unit that is retrieved and cited."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from services.rag_llm.reading.documents import Document
from services.rag_llm.reading.tables import Row

_LEANS = re.compile(
    r"(it|its|they|their|them|this|that|these|those|he|she|his|her|there|then|otherwise|both|such"
    r"|after (?:that|this)|in that case)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """`id` depends on source and words alone, so it stays the same as long as they do."""

    id: str
    source: str
    title: str
    headings: tuple[str, ...]
    sentences: tuple[str, ...]
    rows: tuple[Row, ...] = ()  # parallel to `sentences`: what a sentence from a table is made of, else empty

    @property
    def path(self) -> str:
        """Where it stands: `Title › Section › Subsection`."""
        return " › ".join((self.title, *self.headings))

    @property
    def text(self) -> str:
        """Its sentences, joined by spaces."""
        return " ".join(self.sentences)

    def in_context(self) -> list[str]:
        """Each sentence as it is embedded: after the nearest heading, and after the sentence that it leans on."""
        heading = self.headings[-1] if self.headings else self.title
        before = ("", *self.sentences)
        return [
            f"{heading}: {f'{previous} ' if leans_on_previous(sentence) and previous else ''}{sentence}"
            for previous, sentence in zip(before, self.sentences, strict=False)
        ]


def leans_on_previous(sentence: str) -> bool:
    """Whether it starts with a word that stands for something said before."""
    return _LEANS.match(sentence) is not None


def excerpts_of(document: Document, max_words: int) -> Iterator[Excerpt]:
    """The document's excerpts in order; a single sentence longer than `max_words` stays whole."""
    for section in document.sections:
        window: list[tuple[str, Row]] = []
        for sentence, row in zip(section.sentences, section.rows, strict=True):
            size = sum(len(s.split()) for s, _ in window) + len(sentence.split())
            # A sentence that leans on the one before stays with it.
            if window and size > max_words and not (leans_on_previous(sentence) and size < 2 * max_words):
                yield _excerpt(document, section.headings, window)
                window = []
            window.append((sentence, row))
        if window:
            yield _excerpt(document, section.headings, window)


def _excerpt(document: Document, headings: tuple[str, ...], said: list[tuple[str, Row]]) -> Excerpt:
    sentences, rows = zip(*said, strict=True)
    words = "\n".join((document.source, *headings, *sentences))
    return Excerpt(
        hashlib.sha256(words.encode()).hexdigest()[:12], document.source, document.title, headings, sentences, rows
    )
