"""Where sentences end."""

import pytest

from services.common.sentences import ends_between, sentences


@pytest.mark.parametrize(
    "parts",
    [
        ("Dr. Smith arrived at 5 p.m. ", "He left. ", "The U.S. economy grew 3.5 percent."),
        ("Ask for No. 5 please. ", "See e.g. the manual. ", "It costs approx. 20 euros."),
        ("Open Mon. to Fri. from 9 a.m. to 5 p.m. daily. ", "Closed in Aug. and on Jan. 1."),
        ("He sat. ", "She stood in the sun. ", "Open Sat. and Sun. only."),
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


@pytest.mark.parametrize(
    ("before", "after", "ends"),
    [
        ("It is open.", "Come", True),
        ("It is open until 5 p.m.", "Then", True),
        ("It is open until 5 p.m.", "on", False),
        ("Ask Dr.", "Smith", False),
        ("See Fig.", "3", False),
        ("It costs approx.", "20", False),
        ("Is it? ", "Yes", True),
    ],
)
def test_what_follows_decides(before: str, after: str, ends: bool) -> None:
    """While a text is still being written, the next word tells whether a sentence has ended."""
    assert ends_between(before, after) is ends


def test_an_unknown_language_is_split_all_the_same() -> None:
    """Nobody is refused for a language tag."""
    assert sentences("One. Two.", "xx") == ["One. ", "Two."]
