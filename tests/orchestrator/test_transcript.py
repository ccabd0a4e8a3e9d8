"""What was heard, and what the next answer knows of it."""

import pytest

from services.common.speech import Word
from services.orchestrator_api.lib.conversation.transcript import HISTORY_PAIRS, History, SpokenWords


@pytest.mark.parametrize(
    ("heard_ms", "text"), [(0, ""), (50, ""), (51, "one"), (149, "one"), (151, "one two"), (999, "one two")]
)
def test_a_word_counts_from_its_middle_on(heard_ms: float, text: str) -> None:
    """A word is heard once more than half of it has sounded."""
    words = SpokenWords()
    words.add([Word(t0=0, t1=100, text="one"), Word(t0=100, t1=200, text="two")])
    assert words.heard(heard_ms) == text


def test_history_is_bounded_and_holds_what_was_heard() -> None:
    """Pairs of question and heard answer, the newest ones; an answer that was not heard leaves no trace."""
    history = History()
    history.add("unheard", "")
    for n in range(HISTORY_PAIRS + 3):
        history.add(f"question {n}", f"answer {n}")
    messages = history.messages()
    assert len(messages) == 2 * HISTORY_PAIRS
    assert (messages[0].role, messages[0].content) == ("user", "question 3")
    assert (messages[-1].role, messages[-1].content) == ("assistant", f"answer {HISTORY_PAIRS + 2}")


def test_the_clauses_around_a_place() -> None:
    """The one that sounds, with its neighbours; before the first one nothing but that."""
    spoken = SpokenWords()
    assert spoken.around(0) == ""
    for start, clause in ((0, "One."), (500, "Two."), (900, "Three."), (1500, "Four.")):
        spoken.begin(start, clause)
    assert spoken.around(0) == "One. Two."
    assert spoken.around(600) == "One. Two. Three."
    assert spoken.around(2000) == "Three. Four."
