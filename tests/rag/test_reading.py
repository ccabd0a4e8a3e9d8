"""Files become sentences that can be spoken, with their headings; what is no document says why."""

import base64
import io

import pytest
from pypdf import PdfWriter

from services.rag_llm import reading
from services.rag_llm.documents import Document, Limits, Unreadable
from services.rag_llm.excerpts import excerpts_of
from services.rag_llm.sentences import split_clauses, split_sentences
from services.rag_llm.tables import Row, looks_headed
from tests.rag.papers import docx, new_docx, paragraph, pdf, ruled, text

LIMITS = Limits(pages=10, unpacked_mb=20, seconds=60, memory_mb=1500)


def read(source: str, text: str | bytes) -> Document:
    return reading.read(source, text.encode() if isinstance(text, str) else text, LIMITS)


def said(document: Document) -> list[str]:
    return [sentence for section in document.sections for sentence in section.sentences]


def rows(document: Document) -> list[Row]:
    return [row for section in document.sections for row in section.rows]


def test_headings_lead_to_their_sentences() -> None:
    """A section carries the headings above it, and the first one is the title."""
    document = read(
        "a.md", "# Kettle\n\nIt boils.\n\n## Care\n\n### Scale\n\nUse vinegar.\n\n## Price\n\nIt is cheap.\n"
    )
    assert document.title == "Kettle"
    assert [section.headings for section in document.sections] == [(), ("Care", "Scale"), ("Price",)]


def test_a_table_row_names_its_columns() -> None:
    """A row is a sentence that makes sense without the table, and its cells are known by their columns."""
    document = read(
        "a.md", "| Model | Price | Colour |\n|---|---|---|\n| Rocket | 49 euros | |\n| Comet | 79 euros | red |\n"
    )
    assert said(document) == ["Rocket: price 49 euros.", "Comet: price 79 euros, colour red."]
    assert rows(document)[1] == (("Model", "Comet"), ("Price", "79 euros"), ("Colour", "red"))


@pytest.mark.parametrize(
    "table",
    [
        "<table><tr><th>Weight<td>3.1 kg<tr><th>Colour<td>red</table>",
        "<table><tr><td>Weight<td>3.1 kg<tr><td>Colour<td>red</table>",
        "<dl><dt>Weight<dd>3.1 kg<dt>Colour<dd>red</dl>",
        "<p>Weight: 3.1 kg<br>Colour: red</p>",
    ],
)
def test_names_and_values(table: str) -> None:
    """A table without a header, a list of terms and lines with colons all name a thing and its value."""
    document = read("a.html", table)
    assert said(document) == ["Weight: 3.1 kg.", "Colour: red."]
    assert rows(document) == [(("Weight", "3.1 kg"),), (("Colour", "red"),)]


def test_merged_cells() -> None:
    """A cell that covers several places says its text in each; one that covers the whole line names a group."""
    document = read(
        "a.html",
        """<table><caption>Prices</caption>
        <thead><tr><th rowspan=2>Model</th><th colspan=2>Price</th></tr><tr><th>Member</th><th>Guest</th></tr></thead>
        <tr><td colspan=3>Small ones</td></tr>
        <tr><td rowspan=2>Comet</td><td>3 euros</td><td>4 euros</td></tr><tr><td colspan=2>free in May</td></tr>
        <tr><td colspan=99999999>Large ones</td></tr><tr><td>Rocket</td><td>5 euros</td><td>6 euros</td></tr></table>
        <p>After it.""",
    )
    assert said(document) == [
        "Comet: price Member 3 euros, price Guest 4 euros.",
        "Comet: price Member free in May, price Guest free in May.",
        "Rocket: price Member 5 euros, price Guest 6 euros.",
        "After it.",
    ]
    assert [section.headings for section in document.sections] == [
        ("Prices", "Small ones"),
        ("Prices", "Large ones"),
        (),
    ]


@pytest.mark.parametrize(
    ("first", "headed"),
    [
        (["Name", "Phone"], True),
        (["Anna", "+49 228 1"], False),
        (["", "Phone"], True),
        (["Anna", "Anna"], False),
        (["Phones of everybody who works in this house now", "Phone"], False),
    ],
)
def test_which_line_names_the_columns(first: list[str], headed: bool) -> None:
    """A first line of short, different words above values is a header, and nothing else is."""
    assert looks_headed([first, ["Bob", "+49 228 2"], ["Eve", "+49 228 3"]]) is headed


def test_a_wide_row_is_said_in_parts() -> None:
    """Every part of a long row says what it is about."""
    names = ",".join(f"Number{n}" for n in range(60))
    document = read("a.csv", f"Model,{names}\nRocket,{','.join(f'{n} euros' for n in range(60))}\n")
    assert len(said(document)) > 3
    assert all(sentence.startswith("Rocket: ") and len(sentence.split()) < 50 for sentence in said(document))
    assert [row[0] for row in rows(document)] == [("Model", "Rocket")] * len(said(document))
    assert [pair for row in rows(document) for pair in row[1:]] == [(f"Number{n}", f"{n} euros") for n in range(60)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ('Model,Price\nRocket,"49 euros\nplus tax"\n', ["Rocket: price 49 euros plus tax."]),
        ("Model;Weight;\nRocket;3,1 kg;\nComet;2,9 kg;\n", ["Rocket: weight 3,1 kg.", "Comet: weight 2,9 kg."]),
        ("Model\tPrice\r\nRocket\t49 euros\r\n", ["Rocket: price 49 euros."]),
        ("sep=;\nModel;Price\nRocket;49 euros\n", ["Rocket: price 49 euros."]),
        ("Opening,9 to 5\nPhone,123\n", ["Opening: 9 to 5.", "Phone: 123."]),
        ("Tea,2023,2024\nGreen,5 euros,6 euros\n", ["Green: 2023 5 euros, 2024 6 euros."]),
        ("Rocket,1,2\nComet,3\n", ["Rocket: 1, 2.", "Comet: 3."]),
        ("Name\nAnna\nBob\n", ["Name: Anna.", "Name: Bob."]),
        ("Prices of 2024,,\n,,\nModel,Price,Size\nRocket,49,big\n", ["Rocket: price 49, size big."]),
        (' Model , Price\n "Rocket, red" ,49\n', ["Rocket, red: price 49."]),
    ],
)
def test_csv(text: str, sentences: list[str]) -> None:
    """Commas, semicolons or tabs, quotes over lines, a header or none, a title above: rows are said as in any table."""
    assert said(read("a.csv", text)) == sentences


def test_a_line_above_a_csv_is_its_caption() -> None:
    """What stands alone above the header leads to every row."""
    document = read("a.csv", "Prices of 2024,,\nModel,Price,Size\nRocket,49,big\n")
    assert [section.headings for section in document.sections] == [("Prices of 2024",)]


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
