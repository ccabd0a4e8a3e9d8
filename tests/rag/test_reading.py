"""Files become sentences that can be spoken, with their headings; what is no document says why."""

import base64
import io
import time

import pytest
from pypdf import PdfWriter

from services.rag_llm.answering.extractive.clauses import split_clauses
from services.rag_llm.reading.documents import Unreadable
from services.rag_llm.reading.excerpts import excerpts_of
from services.rag_llm.reading.sentences import split_sentences
from tests.rag.papers import docx, new_docx, paragraph, pdf, ruled, text
from tests.rag.reader import read, rows, said


def test_headings_lead_to_their_sentences() -> None:
    """A section carries the headings above it, and the first one is the title."""
    document = read(
        "a.md", "# Kettle\n\nIt boils.\n\n## Care\n\n### Scale\n\nUse vinegar.\n\n## Price\n\nIt is cheap.\n"
    )
    assert document.title == "Kettle"
    assert [section.headings for section in document.sections] == [(), ("Care", "Scale"), ("Price",)]


def test_a_short_list_is_one_sentence() -> None:
    """Fragments after a colon are said in one breath, full sentences one by one."""
    assert said(read("a.md", "It comes in:\n\n- red\n- white\n- black\n")) == ["It comes in: red, white and black."]
    assert said(read("a.md", "- Fill it.\n- Switch it on.\n")) == ["Fill it.", "Switch it on."]


@pytest.mark.parametrize("source", ["a.md", "a.txt"])
def test_a_list_keeps_what_introduces_it(source: str) -> None:
    """Each item of a list too long for one sentence says what it is an item of."""
    items = [f"{n} spoons of the finest sugar from the island of Madeira" for n in range(2, 8)]
    document = read(source, "You need:\n\n" + "".join(f"- {item}\n" for item in items))
    assert said(document) == [f"You need: {item}." for item in items]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("You need:\n\n- fruit\n  - apples\n  - pears\n- water\n", ["You need: fruit (apples and pears) and water."]),
        (
            "1. Fill it.\n2. Switch on:\n   - the pump\n   - the lamp\n",
            ["Fill it.", "Switch on (the pump and the lamp)."],
        ),
        (
            "1. Go in.\n   - Close the door.\n   - Lock it.\n2. Wait.\n",
            ["Go in.", "Close the door.", "Lock it.", "Wait."],
        ),
    ],
)
def test_lists_in_lists(text: str, sentences: list[str]) -> None:
    """Items below an item are not lost, and stay with it."""
    assert said(read("a.md", text)) == sentences


@pytest.mark.parametrize("source", ["a.md", "a.txt"])
def test_a_list_of_names_and_what_belongs_to_them(source: str) -> None:
    """What introduces it goes with the names, and each item stands alone."""
    document = read(source, "We offer these courses:\n\n- Printing: Tuesdays, with Ana\n- Choir: Thursdays\n")
    assert said(document) == [
        "We offer these courses: Printing and Choir.",
        "Printing: Tuesdays, with Ana.",
        "Choir: Thursdays.",
    ]


def test_markup_is_not_spoken() -> None:
    """Links, emphasis, code marks, pictures and comments leave only their words."""
    text = "See **the** [page](http://example.org/x) and type `make up`. ![logo](a.png) <!-- hidden -->"
    assert said(read("a.md", text)) == ["See the page and type make up."]
    html = "Let’<b>s</b> use kettle_<wbr>heater<sup>2</sup>.<p>Two<br>lines <i>and</i> more.</p>One<div>Other</div>"
    assert said(read("a.html", html)) == ["Let’s use kettle_heater2.", "Two lines and more.", "One.", "Other."]


def test_html_without_what_is_never_shown() -> None:
    """Scripts, styles, navigation and what is hidden by whatever means are no text."""
    html = """<title>T</title><script>x()</script><style>p{}</style><nav>Home</nav><p hidden>no</p>
    <p style="color:red; DISPLAY : none">no</p><ul aria-hidden="true"><li>no</ul><p>One <i style="font-size:0">no</i>
    <table><tr style="visibility:hidden"><td>no</table><!-- no --><template>no</template>
    <p style="opacity:0">no</p><ul><li hidden>no</ul>
    <div>One <b>bold</b> word.<p>Two.</p>Loose end</div>"""
    document = read("a.html", html)
    assert (document.title, said(document)) == ("T", ["One.", "One bold word.", "Two.", "Loose end."])


def test_a_pdf_keeps_its_meaning() -> None:
    """Headings by their letters, lists, ruled tables, sentences over two pages; not what only furnishes the pages."""

    def page(number: int, *content: str) -> str:
        furniture = (
            text(50, 30, "Handbook", 9),
            text(550, 780, str(number), 9),
            text(400, 100, "Kettles Ltd, Bonn", 11, "F2"),
            text(50, 700, f"Care of the parts . . . . . . . . {number}"),
        )
        return "".join((*furniture, *content))

    document = read(
        "a.pdf",
        pdf(
            page(
                1,
                text(50, 80, "Rocket kettle", 22),
                text(50, 120, "Care", 15),
                paragraph(50, 150, "To remove limescale fill it with vine-", "gar. Then rinse it. You need:"),
                paragraph(60, 180, "• vinegar", "• a soft brush"),
                text(50, 230, "Small parts", 11, "F2"),
                paragraph(50, 250, "The lid is made of steel. This sentence goes", "on over the"),
            ),
            page(
                2,
                paragraph(50, 80, "page without a break."),
                text(50, 120, "Prices", 15),
                ruled(50, 150, [["Model", "Price"], ["Rocket", "49 euros"], ["Comet", "79 euros"]]),
            ),
            page(
                3,
                paragraph(50, 80, "Left begins here", "and ends."),
                paragraph(320, 80, "Right begins here", "and ends."),
            ),
        ),
    )
    assert document.title == "Rocket kettle"
    assert [(section.headings, section.sentences) for section in document.sections] == [
        (
            ("Care",),
            ("To remove limescale fill it with vinegar.", "Then rinse it.", "You need: vinegar and a soft brush."),
        ),
        (
            ("Care", "Small parts"),
            ("The lid is made of steel.", "This sentence goes on over the page without a break."),
        ),
        (
            ("Prices",),
            (
                "Rocket: price 49 euros.",
                "Comet: price 79 euros.",
                "Left begins here and ends.",
                "Right begins here and ends.",
            ),
        ),
    ]
    assert rows(document)[5] == (("Model", "Rocket"), ("Price", "49 euros"))


PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAAAAAAALAAAAAABAAEAAAIBRAA7")


def test_a_docx_keeps_its_meaning() -> None:
    """Title, headings, lists and tables with merged cells are read as in a page; pictures and hidden text are not."""
    paper = new_docx()
    paper.add_heading("Rocket kettle", 0)
    paper.add_heading("Care", 1)
    paper.add_paragraph("You need:").add_run(" nothing that is hidden").font.hidden = True
    paper.add_picture(io.BytesIO(PIXEL))
    for item in ("vinegar", "a soft brush"):
        paper.add_paragraph(item, "List Bullet")
    paper.add_heading("Prices", 1)
    table = paper.add_table(3, 3)
    cells = [["Model", "Price", "Weight"], ["Rocket", "49 euros", "1.2 kg"], ["Comet", "on request", ""]]
    for row, line in enumerate(cells):
        for column, cell in enumerate(line):
            table.cell(row, column).text = cell
    table.cell(2, 1).merge(table.cell(2, 2))
    document = read("a.docx", docx(paper))
    assert document.title == "Rocket kettle"
    assert [(section.headings, section.sentences) for section in document.sections] == [
        (("Care",), ("You need: vinegar and a soft brush.",)),
        (
            ("Prices",),
            ("Rocket: price 49 euros, weight 1.2 kg.", "Comet: price on request, weight on request."),
        ),
    ]


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ("cut.pdf", b"%PDF-1.4\n1 0 obj << /Type /Catalog"),
        ("no.pdf", b"not a pdf at all"),
        ("empty.pdf", b""),
        ("scan.pdf", pdf("")),
        ("no.docx", b"PK\3\4 not a zip"),
        ("empty.docx", docx(new_docx())),
        ("deep.html", b"<div>" * 50_000 + b"x"),
        ("one.csv", b",,,\n"),
        ("nul.csv", b"a,b\n\0,1\n"),
        ("endless.csv", b'"' + b"x" * 200_000),
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


def test_an_encrypted_pdf_says_so() -> None:
    """A PDF that wants a password is told from one that is damaged."""
    writer = PdfWriter(clone_from=io.BytesIO(pdf(paragraph(50, 50, "Secret."))))
    writer.encrypt("password", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    with pytest.raises(Unreadable, match="It is encrypted"):
        read("a.pdf", out.getvalue())


def test_long_paragraphs_are_split_in_one_go_or_in_many() -> None:
    """A paragraph of any length has the sentences that its parts have; one that never ends a sentence stays one."""
    said = ["The Rocket weighs 1.2 kilograms, e.g. with its lid.", "Dr. Smith likes it!", "It boils in 3 minutes."]
    assert split_sentences(" ".join(said * 1000)) == said * 1000
    assert split_sentences("well " * 10_000) == [("well " * 10_000).strip()]


@pytest.mark.parametrize("mark", ["“ ", "(\"' ", "«"])
def test_quotation_marks_that_nothing_closes_keep_nobody_waiting(mark: str) -> None:
    """A hostile document costs a part of a second at a time, not ten."""
    started = time.process_time()
    split_sentences(mark * (300_000 // len(mark)))
    assert time.process_time() - started < 5
