"""Which sentences of a model's answer are doubted."""

import pytest

from services.rag_llm.answering.chat.grounding import CitedSentence, CitedSentences, doubt

ROCKET = (
    "Rocket kettle › Weight and size The Rocket weighs 1.2 kilograms. It holds 1.7 litres and boils in three minutes."
)
SHOP = "The shop › Founder The shop was founded by Maria Keller in 1,950 square feet, with 1 employee."


@pytest.mark.parametrize(
    ("sentence", "cited"),
    [
        ("The Rocket weighs 1.2 kilograms.", [ROCKET]),
        ("It weighs 1.20 kilograms, and holds 1.7 litres of water.", [ROCKET]),
        ("Boiling takes the Rocket 3 minutes.", [ROCKET]),
        ("Maria Keller founded the shop.", [SHOP]),
        ("It was Maria Keller's, with one employee in 1950 square feet.", [SHOP]),
        ("The Rocket is the one that weighs 1.2 kilograms.", [ROCKET]),
        ("The Rocket was sold by Maria Keller in her shop.", [ROCKET, SHOP]),
        ("Yes, it boils.", [ROCKET]),
    ],
)
def test_what_the_passages_say_is_believed(sentence: str, cited: list[str]) -> None:
    """Other words for the same, numbers spelt another way, and what two passages say together."""
    assert doubt(sentence, cited, 0.5) == ""


@pytest.mark.parametrize(
    ("sentence", "cited", "why"),
    [
        ("The Rocket weighs 1.2 kilograms.", [], "It cites no passage."),
        ("The Rocket weighs 12 kilograms.", [ROCKET], "12 is not in what it cites."),
        ("The Rocket weighs 1.2 kilograms and holds 2 or four litres.", [ROCKET], "2 and 4 are not in what it cites."),
        ("The shop was founded by Peter Keller.", [SHOP], "Peter is not in what it cites."),
        ("The Rocket weighs 1.2 kilograms.", [SHOP], "1.2 is not in what it cites."),
        ("It is made of brushed steel and whistles loudly.", [ROCKET], "Too few of its words are in what it cites."),
    ],
)
def test_what_they_do_not_say_is_doubted(sentence: str, cited: list[str], why: str) -> None:
    """A claim without a citation, a number or a name that is not there, other words altogether."""
    assert doubt(sentence, cited, 0.5) == why


@pytest.mark.parametrize(
    "sentence",
    [
        "The documents do not tell.",
        "I can't find that in the documents.",
        "I’m sorry, but I don't know how much it weighs.",
        "There is no information about its colour.",
        "The passages don't mention a warranty.",
        "Is there anything else?",
        "Yes, certainly.",
        "",
        "…",
    ],
)
def test_what_claims_nothing_needs_no_passage(sentence: str) -> None:
    """Not to know, to ask and to be polite rest on nothing."""
    assert doubt(sentence, [], 0.5) == ""


def sentences(*pieces: tuple[str, list[int]]) -> list[CitedSentence]:
    written = CitedSentences()
    return [sentence for words, cited in pieces for sentence in written.feed(words, cited)] + written.end()


def test_sentences_with_their_citations() -> None:
    """A sentence has the numbers that came with its words, however it came; decimals end none."""
    assert sentences(("It weighs 1", []), (".2 kg", [1]), (". It", []), (" is red.", [2, 3]), (" So", [])) == [
        CitedSentence("It weighs 1.2 kg.", (1,)),
        CitedSentence("It is red.", (2, 3)),
        CitedSentence("So", ()),
    ]
    assert sentences(("One. Two. Three", [1]), (".", [])) == [
        CitedSentence("One.", ()),
        CitedSentence("Two.", ()),
        CitedSentence("Three.", (1,)),
    ]
    assert sentences(("It is red. It ", []), ("is big", [])) == [
        CitedSentence("It is red.", ()),
        CitedSentence("It is big", ()),
    ]
    assert sentences() == []
