"""Where sentences end."""

import pytest

from services.common.sentences import sentences


@pytest.mark.parametrize(
    "parts",
    [
        ("Dr. Smith arrived at 5 p.m. ", "He left. ", "The U.S. economy grew 3.5 percent."),
        ("Ask for No. 5 please. ", "See e.g. the manual. ", "It costs approx. 20 euros."),
        ("Open Mon. to Fri. from 9 a.m. to 5 p.m. daily. ", "Closed in Aug. and on Jan. 1."),
        ("The cat sat. ", "Then it lay in the sun. ", "It slept to the max. ", "Nobody woke it."),
        ('"What?" he said. ', '"Stop!" ', "And he left."),
        ("1. Open the door. ", "2. Close it."),
        ("J. R. R. Tolkien wrote it. ", "Acme Inc. makes tools."),
        ("それは猫です。", "犬もいます。", "元気？"),
        ("Nothing ends here",),
        (),
    ],
)
def test_sentences_end_where_a_reader_sees_them_end(parts: tuple[str, ...]) -> None:
    """Abbreviations, initials, decimals, quotations and numbers of items end none; nothing of the text is lost."""
    assert sentences("".join(parts)) == list(parts)


def test_an_unknown_language_is_split_all_the_same() -> None:
    """Nobody is refused for a language tag."""
    assert sentences("One. Two.", "xx") == ["One. ", "Two."]


def test_a_long_text_is_split_as_a_short_one() -> None:
    """Where it is split in pieces makes no difference to its sentences, and marks that are never closed hang nobody."""
    part = ("Dr. Smith arrived at 5 p.m. ", "He left. ", "It costs approx. 20 euros. ")
    assert sentences("".join(part) * 2000) == list(part) * 2000
    assert "".join(sentences("“ " * 50_000)) == "“ " * 50_000
