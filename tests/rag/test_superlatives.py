"""The cheapest, the longest, the most: amounts are compared as numbers, and only where they can be."""

import pytest

from services.rag_llm.answering.extractive.rows import say_leader
from services.rag_llm.reading.tables import Row
from services.rag_llm.retrieval.features.quantities import quantity
from services.rag_llm.retrieval.features.superlatives import asked_extreme, leaders


def table(header: str, *lines: str) -> list[Row]:
    names = header.split("|")
    return [tuple((name, cell) for name, cell in zip(names, line.split("|"), strict=True) if cell) for line in lines]


FERRIES = table(
    "Ferry|To|Duration|Adults|Children|Seats",
    "Ann|Orsa|1 hour 10 minutes|12 euros|6 euros|90",
    "Bea|Vik|50 minutes|8 euros|free|1,200",
    "Cleo|Orsa|35 minutes|19.50 euros|9 euros|40",
)
FRUIT = table(
    "Fruit|Weight|Price|In season", "Plum|60 g|1.2|June", "Melon|1.5 kg|3|from May on", "Apple|0.2 kg|1.2|all year"
)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1 hour 15 minutes", ("time", 4500)),
        ("one week", ("time", 604_800)),
        ("85 g", ("mass", 0.085)),
        ("€1,200.50", ("euros", 1200.5)),
        ("9.90 euros a month", ("euros", 9.9)),
        ("about 1.2 million people", ("peopl", 1_200_000)),
        ("9:30 pm", ("clock", 1290)),
        ("1.10", ("", 1.1)),
        ("free", ("nothing", 0)),
        ("12 to 14 days", None),
        ("September 3", None),
        ("2 x 30 cm", None),
        ("closed", None),
        ("", None),
    ],
)
def test_amounts(text: str, amount: tuple[str, float] | None) -> None:
    """Units and words become one number; a range, a date and what is no amount become none."""
    found = quantity(text)
    assert (found is None) == (amount is None)
    if found and amount:
        assert found[0] == amount[0]
        assert found[1] == pytest.approx(amount[1])


@pytest.mark.parametrize(
    ("question", "rows", "said"),
    [
        ("Which ferry takes the longest?", FERRIES, ["The Ann is the longest: the duration is 1 hour 10 minutes."]),
        ("Which is the fastest?", FERRIES, ["The Cleo is the fastest: the duration is 35 minutes."]),
        (
            "Which ferry to Orsa is the cheapest?",
            FERRIES,
            ["The Ann is the cheapest, at 12 euros for adults and 6 euros for children."],
        ),
        (
            "What is the most expensive ferry for adults?",
            FERRIES,
            ["The Cleo is the most expensive, at 19.50 euros for adults."],
        ),
        ("which ferry has the most seats", FERRIES, ["The Bea has the most seats: 1,200."]),
        ("which ferry has the fewest seats", FERRIES, ["The Cleo has the fewest seats: 40."]),
        ("Which is the largest ferry?", FERRIES, ["The Bea is the largest, with 1,200 seats."]),
        ("What is the heaviest fruit?", FRUIT, ["The Melon is the heaviest: the weight is 1.5 kg."]),
        (
            "What is the cheapest fruit?",
            FRUIT,
            ["The Plum is the cheapest: the price is 1.2.", "The Apple is the cheapest: the price is 1.2."],
        ),
    ],
)
def test_the_row_that_leads(question: str, rows: list[Row], said: list[str]) -> None:
    """The row with the most or the least of what is asked, among those that are meant, said as a sentence."""
    extreme = asked_extreme(question)
    assert extreme
    assert [say_leader(rows[leader.at], leader, question) for leader in leaders(extreme, question, rows)] == said


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("Which ferry is the loudest?", FERRIES),  # no column tells
        ("Which fruit has the longest season?", FRUIT),  # its cells are no amounts
        ("Which is the cheapest?", table("Stay|Price", "Tent|8 euros", "Hut|$9")),  # two currencies
        ("Which is the cheapest?", table("Stay|Price", "Tent|8 euros", "Hut|ask us")),
        ("Which is the cheapest?", table("Stay|Price", *(f"Tent {n}|8 euros" for n in range(5)))),  # all the same
    ],
)
def test_what_cannot_be_compared(question: str, rows: list[Row]) -> None:
    """Without a column of comparable amounts no row leads."""
    extreme = asked_extreme(question)
    assert extreme
    assert leaders(extreme, question, rows) == []


@pytest.mark.parametrize(
    "question",
    ["What does it cost?", "What is the second cheapest?", "What are the three largest?", "Who is the best?"],
)
def test_what_is_no_superlative(question: str) -> None:
    """Other places than the first, and words that no column measures, are not compared."""
    assert asked_extreme(question) is None
