"""Corrects words that no document holds: misspelt, misheard, or two words written as one.

Edits are counted as Damerau (1964) does, sounds are compared by metaphone (Philips, 1990). Whether a word is English
at all, and how common, is told by the word counts that pyspellchecker carries.
"""

import functools
import math
from collections import defaultdict
from collections.abc import Iterable

import jellyfish
from rapidfuzz import process
from rapidfuzz.distance import OSA

LONGEST = 40
"""Letters of the longest word that is compared; longer ones are not compared."""
RARE = 6.5
"""Negative decimal logarithm of a share of all English words: what is rarer may well be an error."""
EVERYDAY = 5.3
"""The same of a larger share: what is commoner is what people mostly mean."""


class Spelling:
    """Knows the words of one index."""

    def __init__(self, vocabulary: Iterable[str]) -> None:
        self._known = frozenset(vocabulary)
        self._words = [word for word in self._known if word.isalpha() and 3 <= len(word) <= LONGEST]
        self._by_sound: dict[str, list[str]] = defaultdict(list)
        for word in self._words:
            self._by_sound[jellyfish.metaphone(word)].append(word)

    def nearest(self, word: str) -> str | None:
        """The known word that a misspelt one most likely stands for; None for an English word, or if none is near."""
        if is_english(word) or not word.isalpha() or not 4 <= len(word) <= LONGEST:
            return None
        alike = self._by_sound.get(jellyfish.metaphone(word), ())
        by_sound = [known for known in alike if OSA.distance(word, known) <= _edits(word) + (len(word) > 4)]
        return min(by_sound, key=lambda known: OSA.distance(word, known)) if by_sound else _nearest(word, self._words)

    def parts(self, word: str) -> list[str]:
        """`wifi` as the known `wi` and `fi`, `hx40` as `hx` and `40`; an empty list if it does not come apart."""
        for at in range(2, len(word) - 1) if not word.isdigit() else ():
            if self._holds(word[:at]) and self._holds(word[at:]):
                return [word[:at], word[at:]]
        return []

    def _holds(self, part: str) -> bool:
        return part.isdigit() or part in self._known


@functools.cache
def _counts() -> tuple[dict[str, int], int]:
    from spellchecker import SpellChecker

    frequency = SpellChecker().word_frequency
    return frequency.dictionary, frequency.total_words


@functools.lru_cache(maxsize=50_000)
def commonness(word: str) -> float:
    """The decimal logarithm of the word's share in everyday English: -2 for `the`, minus infinity if not English."""
    counts, total = _counts()
    count = counts.get(word) or counts.get(word.replace("our", "or"))
    return math.log10(count / total) if count else -math.inf


def english(word: str) -> str | None:
    """The everyday word that a misspelt one stands for: `often` for `offen`; None for English, or if none is near."""
    if is_english(word) or not word.isalpha() or not 5 <= len(word) <= LONGEST:
        return None
    return _nearest(word, _everyday())


def is_english(word: str) -> bool:
    """Whether it is common enough not to be an error."""
    return commonness(word) > -RARE


def _edits(word: str) -> int:
    """How many errors a word of this length may have."""
    return 1 if len(word) < 6 else 2 if len(word) < 9 else 3


@functools.cache
def _everyday() -> list[str]:
    counts, total = _counts()
    return [word for word, count in counts.items() if count > total * 10**-EVERYDAY and word.isalpha()]


def _nearest(word: str, words: list[str]) -> str | None:
    found = process.extract(word, words, scorer=OSA.distance, score_cutoff=_edits(word), limit=50)
    # Of those as near, the one that begins alike: people err less there; then the commoner one.
    return min(found, key=lambda near: (near[1], near[0][0] != word[0], -commonness(near[0])))[0] if found else None
