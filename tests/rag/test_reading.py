"""Files become sentences that can be spoken, with their headings; what is no document says why."""

from pathlib import Path

import pytest

from services.rag_llm import reading
from services.rag_llm.documents import Document, Limits, Unreadable
from services.rag_llm.excerpts import excerpts_of
from services.rag_llm.sentences import split_clauses, split_sentences
from tests.rag.shop import write_pdf

LIMITS = Limits(pages=10, unpacked_mb=20, seconds=60, memory_mb=1500)


def read(source: str, text: str | bytes) -> Document:
    return reading.read(source, text.encode() if isinstance(text, str) else text, LIMITS)


def said(document: Document) -> list[str]:
    return [sentence for section in document.sections for sentence in section.sentences]


def test_headings_lead_to_their_sentences() -> None:
    """A section carries the headings above it, and the first one is the title."""
    document = read(
        "a.md", "# Kettle\n\nIt boils.\n\n## Care\n\n### Scale\n\nUse vinegar.\n\n## Price\n\nIt is cheap.\n"
    )
    assert document.title == "Kettle"
    assert [section.headings for section in document.sections] == [(), ("Care", "Scale"), ("Price",)]


def test_a_table_row_names_its_columns() -> None:
    """A row is a sentence that makes sense without the table."""
    document = read(
        "a.md", "| Model | Price | Colour |\n|---|---|---|\n| Rocket | 49 euros | |\n| Comet | 79 euros | red |\n"
    )
    assert said(document) == ["Rocket: price 49 euros.", "Comet: price 79 euros, colour red."]


def test_a_short_list_is_one_sentence() -> None:
    """Fragments after a colon are said in one breath, full sentences one by one."""
    assert said(read("a.md", "It comes in:\n\n- red\n- white\n- black\n")) == ["It comes in: red, white and black."]
    assert said(read("a.md", "- Fill it.\n- Switch it on.\n")) == ["Fill it.", "Switch it on."]


def test_markup_is_not_spoken() -> None:
    """Links, emphasis, code marks, pictures and comments leave only their words."""
    text = "See **the** [page](http://example.org/x) and type `make up`. ![logo](a.png) <!-- hidden -->"
    assert said(read("a.md", text)) == ["See the page and type make up."]


def test_html_without_what_is_never_shown() -> None:
    """Scripts, styles, navigation and hidden elements are no text."""
    html = """<title>T</title><script>x()</script><style>p{}</style><nav>Home</nav><p hidden>no</p>
    <div>One <b>bold</b> word.<p>Two.</p>Loose end</div>"""
    document = read("a.html", html)
    assert (document.title, said(document)) == ("T", ["One bold word.", "Two.", "Loose end."])


def test_a_pdf_is_read(tmp_path: Path) -> None:
    """The words of a PDF are found."""
    write_pdf(tmp_path / "a.pdf", "The kettle boils in", "four minutes. It is loud.")
    document = read("a.pdf", (tmp_path / "a.pdf").read_bytes())
    assert said(document) == ["The kettle boils in four minutes.", "It is loud."]


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ("cut.pdf", b"%PDF-1.4\n1 0 obj << /Type /Catalog"),
        ("no.pdf", b"not a pdf at all"),
        ("empty.pdf", b""),
        ("empty.md", b""),
        ("blank.txt", b" \n\n \n"),
        ("binary.txt", b"\x00\x01\x02"),
        ("marks.html", b"<html><script>only()</script></html>"),
        ("heading.md", b"# Only a heading\n"),
    ],
)
def test_what_cannot_be_read_says_why(source: str, data: bytes) -> None:
    """Damaged, empty and binary files are refused with a sentence."""
    with pytest.raises(Unreadable, match=r"^It .*\.$"):
        read(source, data)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding: str) -> None:
    """Text is read in the encodings that people's files have."""
    assert said(read("a.txt", "Der Kessel fährt über die Straße.".encode(encoding))) == [
        "Der Kessel fährt über die Straße."
    ]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It weighs 1.2 kg. It is red.", ["It weighs 1.2 kg.", "It is red."]),
        ("Use tools, e.g. Docker. Then ask.", ["Use tools, e.g. Docker.", "Then ask."]),
        ("Dr. J. Smith came! Did he? Yes.", ["Dr. J. Smith came!", "Did he?", "Yes."]),
        ("He said “Stop.” Then he left.", ["He said “Stop.”", "Then he left."]),
        ("no capital. still one", ["no capital. still one"]),
        ("", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    """Sentences part at their ends and not at abbreviations, initials and decimals."""
    assert split_sentences(text) == sentences


def test_clauses_add_up() -> None:
    """Clauses part at commas, none is tiny, and together they are the sentence."""
    sentence = "If you ask, it answers aloud, in sync, from your own documents, and no, it never sleeps."
    clauses = split_clauses(sentence)
    assert " ".join(clauses) == sentence
    assert len(clauses) > 2
    assert min(len(clause.split()) for clause in clauses) >= 3


def test_excerpts_keep_sentences_whole_and_leaning_ones_together() -> None:
    """An excerpt holds whole sentences of one section, and "it" stays with what it stands for."""
    text = (
        "# T\n\n"
        + " ".join(f"Kettle number {n} is on the shelf. It is new." for n in range(30))
        + "\n\n## Next\n\nEnd.\n"
    )
    document = read("a.md", text)
    excerpts = list(excerpts_of(document, 40))
    assert [s for e in excerpts for s in e.sentences] == said(document)
    assert len({e.id for e in excerpts}) == len(excerpts) > 3
    assert not any(e.sentences[0].startswith("It") for e in excerpts)
    assert excerpts[-1].path == "T › Next"
