"""The clause cutter."""

import pytest

from services.orchestrator_api.lib.speaking.clauses import LIMITS, Clause, ClauseCutter


def cut(*pieces: str) -> list[str]:
    cutter = ClauseCutter()
    clauses = [clause for piece in pieces for clause in cutter.feed(piece)]
    return [clause.text for clause in clauses + cutter.flush()]


EXAMPLES = [
    ("", []),
    (" \n ", []),
    ("...", []),
    ("Hello", ["Hello"]),
    ("Yes. It does.", ["Yes.", "It does."]),
    ("Hi, there is more to say.", ["Hi, there is more to say."]),
    ("To begin with, it listens, and then it speaks.", ["To begin with,", "it listens, and then it speaks."]),
    ("Internationalisation-friendly, it is.", ["Internationalisation-friendly,", "it is."]),
    ("It costs 3.5 euros, or 1,000 in all. Good.", ["It costs 3.5 euros,", "or 1,000 in all.", "Good."]),
    ("Ask Dr. Smith or J. Doe, e.g. today. Fine.", ["Ask Dr. Smith or J. Doe,", "e.g. today.", "Fine."]),
    ("We open at 5 p.m. on Monday. Come.", ["We open at 5 p.m. on Monday.", "Come."]),
    ("We open at 5 p.m. Come early.", ["We open at 5 p.m.", "Come early."]),
    ("No. That is wrong.", ["No.", "That is wrong."]),
    ("It is item No. 5 of ten. Yes.", ["It is item No. 5 of ten.", "Yes."]),
    ("Wait 300 ms. Then Ms. Ng speaks.", ["Wait 300 ms.", "Then Ms. Ng speaks."]),
    ("See https://example.org/a.b?c=1,2. It helps.", ["See https://example.org/a.b?c=1,2.", "It helps."]),
    ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
    ("Really?! Yes… Perhaps.", ["Really?!", "Yes…", "Perhaps."]),
    ("1. First\n2. Second", ["1. First", "2. Second"]),
    ("你好。今天很好！", ["你好。", "今天很好！"]),
    ("A  lot\tof   space.", ["A lot of space."]),
    ("- - - Now. ", ["- - - Now."]),
]


@pytest.mark.parametrize(("text", "clauses"), EXAMPLES)
def test_clauses_end_where_people_pause(text: str, clauses: list[str]) -> None:
    """Numbers, abbreviations, initials and addresses stay whole; sentences and the first comma end a clause."""
    assert cut(text) == clauses


LONG = (
    "The renderer keeps one clock for sound and picture, because two clocks drift apart. It never stops, e.g. while "
    "nobody speaks; Dr. Smith calls that idle motion (see https://example.org/idle.html, section 3.5). "
    + "Words follow words without any pause at all " * 8
    + "and then they end. Done!"
)


def test_how_the_text_was_split_makes_no_difference() -> None:
    """Split at any position, and one character at a time, a text gives the same clauses."""
    whole = cut(LONG)
    assert cut(*LONG) == whole
    for position in range(len(LONG)):
        assert cut(LONG[:position], LONG[position:]) == whole


def test_nothing_is_lost_and_nothing_is_too_long() -> None:
    """The clauses together are the text, the first one short, none above its limit."""
    clauses = cut(LONG)
    assert " ".join(clauses) == " ".join(LONG.split())
    assert all(len(clause) <= LIMITS[min(n, 2)] for n, clause in enumerate(clauses))
    assert len(clauses) > 4


def test_a_word_longer_than_the_limit_stays_whole() -> None:
    """Only white space is ever cut at."""
    assert cut("a" * 300 + " b.") == ["a" * 300, "b."]


def test_a_clause_is_given_as_soon_as_its_end_is_certain() -> None:
    """The space after the comma is enough; what follows is not waited for."""
    cutter = ClauseCutter()
    assert cutter.feed("To begin with,") == []
    assert cutter.feed(" ") == [Clause("To begin with,")]


def test_each_clause_carries_the_passages_of_its_own_words() -> None:
    """Citations follow the words that they came with, each once, in order."""
    cutter = ClauseCutter()
    clauses = cutter.feed("It is one of them. ", ("a", "b")) + cutter.feed("And another", ("b", "c"))
    clauses += cutter.feed(" of those.", ("a",)) + cutter.flush()
    assert [clause.citations for clause in clauses] == [("a", "b"), ("b", "c", "a")]


def test_citations_without_words_are_of_the_words_before() -> None:
    """A source that is named only after the last word is the last clause's."""
    cutter = ClauseCutter()
    assert cutter.feed("", ("lost",)) == []
    clauses = cutter.feed("It is red. It is big") + cutter.feed("", ("a",)) + cutter.feed(".") + cutter.flush()
    assert [clause.citations for clause in clauses] == [(), ("a",)]
