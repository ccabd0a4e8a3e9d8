"""Citation markers in a stream that may be cut anywhere."""

import pytest

from services.rag_llm.answering.chat.citations import CitationMarkers, Piece

CASES = [
    (["It is red [1]."], [("It is red", [1]), (".", [])]),
    (["It is red [", "1", "]."], [("It is red", []), ("", [1]), (".", [])]),
    (["It is red.", " [1]"], [("It is red", []), (".", [1])]),
    (["It is red. [1][2]"], [("It is red.", [1, 2])]),
    (["It is red. [1] [2] It"], [("It is red.", [1, 2]), (" It", [])]),
    (["It is red", " ", "[1", ", 3]", ". It"], [("It is red", []), ("", [1, 3]), (". It", [])]),
    (["Red; [1-3,5]"], [("Red;", [1, 2, 3, 5])]),
    (["Red.[1] ", "Big.[2]"], [("Red.", [1]), (" Big.", [2])]),
    (["It weighs 1", ".", "2 kg"], [("It weighs 1", []), (".2 kg", [])]),
    (["An array a[", "i] is none"], [("An array a", []), ("[i] is none", [])]),
    (["In [2024] it"], [("In [2024] it", [])]),
    (["An open [12"], [("An open", []), (" [12", [])]),
    (["[1] ", "\n first"], [("first", [1])]),
    (["  \n", "Red"], [("Red", [])]),
    (["[1]"], []),
    ([""], []),
    (["a " * 3, "b"], [("a a a", []), (" b", [])]),
    (["One, ", "two"], [("One", []), (", two", [])]),
]


def pieces(stream: list[str]) -> list[Piece]:
    markers = CitationMarkers()
    return [piece for part in stream for piece in markers.feed(part)] + markers.end()


@pytest.mark.parametrize(("stream", "expected"), CASES)
def test_numbers_come_right_after_the_words_that_they_support(stream: list[str], expected: list[Piece]) -> None:
    """Markers are taken out; what looks like one and is none is said; a sentence's end waits for its citations."""
    assert pieces(stream) == expected


@pytest.mark.parametrize("stream", [stream for stream, _ in CASES if not stream[0].startswith("[1]")])
def test_how_the_stream_was_cut_makes_no_difference(stream: list[str]) -> None:
    """In one piece, as it came or letter by letter: the same words, and the same numbers after the same words."""

    def where(stream: list[str]) -> tuple[str, list[tuple[int, int]]]:
        said, cited = "", []
        for words, numbers in pieces(stream):
            said += words
            cited += [(len(said), n) for n in numbers]
        return said, cited

    whole = "".join(stream)
    assert where(stream) == where([whole]) == where(list(whole))


def test_words_are_not_held_back() -> None:
    """Nothing but a stop or a space waits for what comes next, so the first clause is early."""
    assert CitationMarkers().feed("Two cores are enough,") == [("Two cores are enough", [])]
