"""How an answer is worded: rows of tables as sentences, names for pronouns, no links to what was not said."""

import pytest

from services.rag_llm.answering.extractive.abstaining import subjects
from services.rag_llm.answering.extractive.naming import named
from services.rag_llm.answering.extractive.rows import say_row
from services.rag_llm.reading.tables import Row

ROBOT: Row = (("Model", "Aurora 2"), ("Price", "€299"), ("Warranty", "2 years"), ("In stock", "no"))
FERRY: Row = (("Route", "Harbour to Seal Island"), ("Last departure", "21:45"), ("Fare", "8 euros"))
POOL: Row = (("Ticket", "Day ticket"), ("Adults", "7 euros"), ("Children", "4 euros"))
PASS: Row = (("Ticket", "Monthly pass"), ("Zone A", "79 euros"), ("Zone B", "99 euros"), ("Valid", "one month"))
HOURS: Row = (("Day", "Tuesday"), ("Morning", "8:00 to 12:00"), ("Afternoon", "closed"))
TRIMMER: Row = (("Tool", "Hedge trimmer"), ("Deposit", "50 euros"), ("Weight", "4 kg"))
DESK: Row = (("Subject", "IT help desk"), ("Person", "Priya Nair"), ("Extension", "300"))


@pytest.mark.parametrize(
    ("row", "question", "said"),
    [
        (ROBOT, "what does the aurora 2 cost", "The Aurora 2 costs €299."),
        (ROBOT, "How long is the warranty of the Aurora 2?", "The warranty of the Aurora 2 is 2 years."),
        (ROBOT, "Is the Aurora 2 in stock?", "The Aurora 2 is not in stock."),
        (ROBOT, "How much is it?", "The Aurora 2 costs €299."),
        (
            ROBOT,
            "Price and warranty of the Aurora 2?",
            "For the Aurora 2, the price is €299 and the warranty is 2 years.",
        ),
        (FERRY, "When does the last ferry leave?", "For Harbour to Seal Island, the last departure is 21:45."),
        (POOL, "What does a day ticket cost for children?", "A day ticket costs 4 euros for children."),
        (POOL, "What does a day ticket cost?", "A day ticket costs 7 euros for adults and 4 euros for children."),
        (PASS, "What is a monthly pass in zone B?", "A monthly pass costs 99 euros for zone B."),
        (PASS, "How long is the monthly pass valid?", "The monthly pass is valid for one month."),
        (HOURS, "Are you open on Tuesday morning?", "On Tuesday morning it is open from 8:00 to 12:00."),
        (HOURS, "What about Tuesday afternoon?", "On Tuesday afternoon it is closed."),
        (TRIMMER, "What is the deposit for the hedge trimmer?", "The deposit of the hedge trimmer is 50 euros."),
        (TRIMMER, "How heavy is a hedge trimmer?", "A hedge trimmer weighs 4 kg."),
        (DESK, "What is the extension of the IT help desk?", "The extension of the IT help desk is 300."),
        (DESK, "Who is the IT help desk?", "The person of the IT help desk is Priya Nair."),
    ],
)
def test_rows(row: Row, question: str, said: str) -> None:
    """Of a row only what was asked is said, as a whole sentence, whatever the columns are."""
    assert say_row(row, "Everything", ["Consultation hours"], question) == said


def test_a_row_as_a_whole() -> None:
    """Where no column is asked for, all are told."""
    said = "For the Aurora 2, the price is €299, the warranty is 2 years and the in stock is no."
    assert say_row(ROBOT, "Robots", [], "Tell me about the Aurora 2") == said


def test_a_question_before_names_the_column() -> None:
    """A follow-up takes the column from the question before."""
    assert say_row(ROBOT, "Robots", [], "and the aurora 2", "How long is the warranty of the Aurora 3?") == (
        "The warranty of the Aurora 2 is 2 years."
    )


@pytest.mark.parametrize(
    ("row", "title", "said"),
    [
        (
            (("Property", "Water tank"), ("Value", "1.2 litres")),
            "Brio 50",
            "The water tank of the Brio 50 is 1.2 litres.",
        ),
        ((("", "Weight"), ("Aurora 2", "3.1 kg")), "Aurora 2 robot", "The Aurora 2 weighs 3.1 kg."),
        ((("Property", "Colours"), ("Value", "red")), "Price list", "The colours are red."),
    ],
)
def test_a_table_of_properties(row: Row, title: str, said: str) -> None:
    """A table of one thing's properties is said of the thing that its column or its title names."""
    assert say_row(row, title, ["Data"], "tell me") == said


@pytest.mark.parametrize(
    ("sentence", "before", "said"),
    [
        ("It is 38 metres high.", "The lighthouse was built in 1864.", "The lighthouse is 38 metres high."),
        ("They take 40 minutes.", "Guided tours start every hour.", "Guided tours take 40 minutes."),
        ("Its light is red.", "The lighthouse was built in 1864.", "The lighthouse's light is red."),
        ("They take 40 minutes.", "The lighthouse was built in 1864.", None),  # of what is many
        ("It is free.", "You can pay in cash.", None),
        ("It is closed.", "Adults pay 9 euros, children nothing.", None),
        ("It is closed.", "On Sundays the shop is open.", None),
        ("The lighthouse is high.", "The tower is old.", None),
    ],
)
def test_pronouns(sentence: str, before: str, said: str | None) -> None:
    """A leading pronoun is replaced by the subject before it, where that is plain."""
    assert named(sentence, before) == said


@pytest.mark.parametrize(
    ("titles", "said"),
    [
        ([], ""),
        (["Privacy"], "privacy"),
        (["Privacy", "The voice", "Privacy", "Hardware", "Aurora 3"], "privacy, the voice or hardware"),
        (
            ["Terms and conditions of the home insurance for owners and tenants", "Swimming pool", "Tool hire"],
            "swimming pool, tool hire or terms and conditions",
        ),
        (["Minutes of the Residents' Meeting – third quarter, held in the hall"], "Minutes of the Residents' Meeting"),
        (["Attention: a survey of what models look at, and why that matters"], "attention"),
        (["Robots – a buyer's guide"], "robots – a buyer's guide"),
        (["One, two, three, four, five, six, seven"], "one, two, three, four, five, six"),
        (["An Investigation into the Effects of Sleep on the Memory of Adults"], "An Investigation into the Effects"),
    ],
)
def test_a_greeting_names_few_titles_and_short_ones(titles: list[str], said: str) -> None:
    """At most three, each soon said: long ones come last and are cut where it makes sense."""
    assert subjects(titles) == said
