"""How a question is read: follow-ups, misspelt and misheard words, numbers, what it asks for."""

import numpy as np
import pytest

from services.common.answering import ChatMessage
from services.rag_llm.index.embedding.minilm import MiniLM
from services.rag_llm.index.terms import in_digits, terms, words
from services.rag_llm.retrieval.features.forms import STRICT, asked_form, counted, gives
from services.rag_llm.retrieval.features.names import has, has_sibling, names_in
from services.rag_llm.retrieval.follow_ups import Asked, resolve
from services.rag_llm.retrieval.meanings import Meanings
from services.rag_llm.retrieval.spelling import Spelling, english


def asked(text: str, *earlier: str) -> Asked:
    return resolve(text, [ChatMessage(role="user", content=question) for question in earlier])


@pytest.mark.parametrize(
    ("earlier", "text", "whole"),
    [
        ("When is the doctor there on Monday?", "And on Friday?", "When is the doctor there on Friday?"),
        ("What does a pass for zone A cost?", "and for zone B", "What does a pass for zone B cost?"),
        ("What is the deposit for a saw?", "and for the drill?", "What is the deposit for the drill?"),
        ("How loud is the Aurora 2?", "what about the Aurora 3?", "How loud is the Aurora 3?"),
        ("How loud is the Aurora 2?", "and the 300?", "How loud is the Aurora 300?"),
        ("What was the limit in 2022?", "And in 2025?", "What was the limit in 2025?"),
        ("When does the last ferry leave?", "And the first one?", "When does the first ferry leave?"),
    ],
)
def test_a_part_that_changes(earlier: str, text: str, whole: str) -> None:
    """A follow-up that names only another day, year, model or purpose is the earlier question about that."""
    assert asked(text, earlier) == Asked(whole)


def test_what_leans_on_the_question_before() -> None:
    """A pronoun, or hardly a word, is read with the question before, which may lean on the one before that."""
    assert asked("how heavy is it?", "Is the Rocket loud?") == Asked("how heavy is it?", "Is the Rocket loud?")
    assert asked("And the Comet?", "Is the Rocket loud?").context == "Is the Rocket loud?"
    assert asked("Is there a deposit?", "What does an e-bike cost?").context == "What does an e-bike cost?"
    chained = asked("and how heavy is it?", "How loud is the Aurora 2?", "And the Aurora 3?")
    assert chained.context == "How loud is the Aurora 3?"


@pytest.mark.parametrize("text", ["When is the shop open?", "who is Maria", "What does the Comet cost?"])
def test_what_stands_alone(text: str) -> None:
    """A whole question is not mixed with what was asked before it."""
    assert asked(text, "How much does the Rocket weigh?") == Asked(text)


def test_a_history_of_nonsense() -> None:
    """A history without words, or of the same question again and again, changes nothing."""
    history = [
        ChatMessage(role="assistant", content="And it?"),
        *(ChatMessage(role="user", content=text) for text in ("", "???", "and it?", "🙂", "and it?")),
    ]
    assert resolve("and it?", history) == Asked("and it?")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("rokcet", "rocket"),  # letters change places
        ("rokit", "rocket"),  # as it sounds
        ("monstra", "monstera"),
        ("zebra", None),  # a word of its own
        ("qwrtzpx", None),
        ("of", None),
        ("x" * 4000, None),
    ],
)
def test_spelling(word: str, meant: str | None) -> None:
    """What is no English word is taken for the known word that is nearest by letters or by sound."""
    assert Spelling(["rocket", "comet", "monstera", "kettl"]).nearest(word) == meant


def test_words_in_parts() -> None:
    """`wifi` is found where it is written Wi-Fi, and a model number without its hyphen."""
    spelling = Spelling(["wi", "fi", "hx"])
    assert spelling.parts("wifi") == ["wi", "fi"]
    assert spelling.parts("hx40") == ["hx", "40"]
    assert spelling.parts("2024") == spelling.parts("wifo") == []


def test_everyday_words_are_put_right() -> None:
    """A misspelt everyday word is put right although no document holds it."""
    assert english("becuase") == "because"
    assert english("because") is None


def test_numbers_in_words() -> None:
    """Numbers are the same in words and in digits; "one" may be a pronoun."""
    for said, digits in (
        ("in twenty twenty five", ["in", "2025"]),
        ("nineteen ninety four", ["1994"]),
        ("two of seventy three", ["2", "of", "73"]),
        ("the first one", ["the", "first", "one"]),
        ("twenty one", ["21"]),
        ("1,100", ["1100"]),
    ):
        assert list(in_digits(words(said))) == digits
    assert terms("The Brio seventy costs 1,100 euros") == terms("the brio 70 costs 1100 euros")


def test_names() -> None:
    """A number belongs to the word before it; another number after the same word is another thing."""
    (name,) = names_in(terms("How heavy is the Aurora 2?"))
    assert has(name, terms("Aurora 2 robot"))
    assert not has(name, terms("The Aurora weighs 2 kg"))
    assert has_sibling(name, terms("Aurora 3 Plus"))
    assert not has_sibling(name, terms("Borealis 3"))
    assert names_in(terms("What changed in 2024? What is E23?")) == {("2024",), ("e23",)}
    assert not names_in(terms("Can I return it within 30 days?"))


@pytest.mark.parametrize(
    ("question", "form", "giving", "other"),
    [
        ("How much is the Comet?", "money", "The Comet costs 79 euros.", "The Comet holds 1.0 litres."),
        ("When do lessons begin?", "time", "Lessons begin at 8:15.", "Lessons are fun."),
        ("How heavy is it?", "weight", "It weighs 3.1 kg.", "It has 3 wheels."),
        ("How tall is he?", "distance", "He measures 1.80 metres.", "He has led it since 2016."),
        ("How long does it take?", "duration", "It takes two hours.", "It is 62 metres long."),
        ("How long is the slide?", "extent", "The slide is 62 metres long.", "The slide is closed."),
        ("How old is the bakery?", "age", "It was founded in 1911.", "Cakes need four weeks."),
        ("How warm is the pool?", "temperature", "It has 28 degrees.", "It is open until 22:00."),
        ("Which colours are there?", "colour", "It comes in red.", "It comes in a box."),
        ("Who made it?", "person", "It was made by Johann Bauer.", "It was made in spring."),
        ("How do I reset it?", "steps", "To reset it, press the button.", "A reset takes long."),
        ("How many rooms are there?", "count", "There are 40 rooms.", "The rooms are ready at 15:00."),
    ],
)
def test_forms(question: str, form: str, giving: str, other: str) -> None:
    """What is asked for is known, and so is the sentence that gives it."""
    assert asked_form(question) == form
    assert gives(form, giving, counted(question))
    assert not gives(form, other, counted(question))
    assert (form in STRICT) is (form not in ("person", "steps"))


def test_no_form() -> None:
    """A question that asks for nothing in particular has no form, and no sentence gives it."""
    assert asked_form("Tell me about the Comet") == ""
    assert not gives("", "The Comet costs 79 euros.")


def test_meanings(minilm: MiniLM) -> None:
    """Words of documents that are known are compared by meaning; those that are not known count as unlike."""
    meanings = Meanings(minilm)
    assert meanings.nearness(["sick"], ["ill", "tower"]).tolist() == [0]
    meanings.learn(["ill", "tower", "poisonous"])
    near = meanings.nearness(["sick", "dangerous", "bicycle"], ["ill", "tower", "poisonous"])
    assert near[0] > 0.2
    assert near[1] > 0.2
    assert near[2] == 0
    assert meanings.nearness([], ["ill"]).shape == (0,)


def test_meanings_do_not_grow(minilm: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of words and questions only the latest are remembered, and what is forgotten is embedded again."""
    monkeypatch.setattr("services.rag_llm.retrieval.meanings.RECENT", 2)
    monkeypatch.setattr("services.rag_llm.retrieval.meanings.MOST", 2)
    meanings = Meanings(minilm)
    first = meanings.of(["one", "two", "three"])
    assert np.allclose(first, meanings.of(["one", "two", "three"]), atol=1e-5)
    meanings.learn(["ill", "tower", "poisonous"])
    assert meanings.nearness(["sick"], ["ill"]).tolist() == [0]
    assert meanings.nearness(["dangerous"], ["poisonous"])[0] > 0.2
