"""Grounding: whether the passages that a sentence of a model's answer cites support it.

A check by words, not by meaning: it finds what was made up outright, in microseconds and without another model.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.rag_llm.index.terms import in_digits, terms
from services.rag_llm.reading.sentences import split_sentences

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")
_NAME = re.compile(r"(?<=[^.!?:\s] )[A-ZÀ-ÖØ-Þ][\w'’-]+")
_CLAIMS_NOTHING = frozenset(terms("yes no sure certainly correct exactly right okay hello hi sorry unfortunately"))
_ABSTAINS = re.compile(
    r"\b(i|documents?|passages?|sources?|information)\b.*(\b(no|not|nothing|cannot|unable|without)\b|n['’]t\b)"
    r"|\bno\b.*\b(documents?|passages?|sources?|information)\b",
    re.IGNORECASE,
)
_TELLS = re.compile(
    r"\b(tell|sa(y|id)|mention|find|found|know|answer|contain|specif|state|cover|provide|inform|include|about)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """A sentence of the answer, and the numbers of the passages that it cites."""

    text: str
    cited: tuple[int, ...]


class CitedSentences:
    """Puts the pieces of an answer together to sentences with their citations."""

    def __init__(self) -> None:
        self._text = ""
        self._cited: list[int] = []

    def feed(self, words: str, cited: Sequence[int]) -> list[CitedSentence]:
        """The sentences that are now known to have ended; `cited` comes right after the words."""
        self._text += words
        *ended, open_one = split_sentences(self._text) or [""]
        if not ended:
            self._cited += cited
            return []
        # What was cited before belongs to the sentence that was open; what is cited now to the one that is.
        finished = [CitedSentence(ended[0], tuple(self._cited)), *(CitedSentence(text, ()) for text in ended[1:])]
        gap = " " if self._text[-1].isspace() else ""
        self._text, self._cited = open_one + gap, list(cited)
        return finished

    def end(self) -> list[CitedSentence]:
        """The sentences that are still open when the answer ends."""
        return [CitedSentence(text, tuple(self._cited)) for text in split_sentences(self._text)]


def doubt(sentence: str, cited: Sequence[str], share: float) -> str:
    """Why the texts of the cited passages do not bear the sentence out, as a sentence; blank if they do.

    Its numbers and names have to be there, and at least `share` of its other words. Questions, courtesies and "the
    documents do not say" claim nothing and need no support.
    """
    content = [term for term in terms(sentence) if term not in _CLAIMS_NOTHING]
    if not content or sentence.rstrip("\"'”’)").endswith("?"):
        return ""
    if _ABSTAINS.search(sentence) and _TELLS.search(sentence):
        return ""
    if not cited:
        return "It cites no passage."
    text = " ".join(cited)
    there = set(terms(text))
    if missing := [n for n in _numbers(sentence) if n not in _numbers(text, spelt="one")]:
        return f"{_listed(missing)} not in what it cites."
    if missing := [name for name in _NAME.findall(sentence) if not set(terms(name)) <= there | _CLAIMS_NOTHING]:
        return f"{_listed(missing)} not in what it cites."
    if sum(term in there for term in content) < share * len(content):
        return "Too few of its words are in what it cites."
    return ""


def _numbers(text: str, spelt: str = "") -> dict[str, None]:
    """The numbers in digits and words, spelt alike, in order. "One" is a number only where it is `spelt`."""
    found = [_plain(number) for number in _NUMBER.findall(text)]
    said = ["1" if word == spelt else word for word in re.findall(r"[a-z]+", text.lower())]
    return dict.fromkeys(found + [word for word in in_digits(said) if word.isdigit()])


def _plain(number: str) -> str:
    """`1,200` and `1.50` as `1200` and `1.5`."""
    if _THOUSANDS.fullmatch(number):
        number = number.replace(",", "")
    number = number.replace(",", ".")
    return number.rstrip("0").rstrip(".") if number.count(".") == 1 else number


def _listed(missing: Sequence[str]) -> str:
    return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'}"
