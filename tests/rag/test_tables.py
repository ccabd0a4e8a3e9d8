"""Rows of tables become sentences that make sense without the table, and keep their columns."""

import pytest

from services.rag_llm.reading.tables import looks_headed
from tests.rag.reader import read, rows, said


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
