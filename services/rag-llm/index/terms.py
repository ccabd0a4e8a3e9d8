"""Text to the terms that lexical search compares: lower case, without endings and without stop words."""

import functools
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import Stemmer

_WORD = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)|[^\W_]+(?:[.'’][^\W_]+)*")
STOPWORDS = frozenset(
    """a about all also am an and any anything are aren't as at be been being but by can can't could did didn't do does
    doesn't doing don't for from get gets give got had has have having he her here hers him his how i i'd i'll i'm i've
    if in into is isn't it it's its itself just kind know let let's like many may me might mine more most much must my
    no not of off on one or our ours out over please quite really shall she should so some something sort still such
    tell than that that's the their them then there these they this those to too up us very want was we were what
    what's when where which while who who's whom whose why will with would you your yours explain say says happen
    happens mean um uh er hmm okay ok whats hows wheres whos wat wich pls plz
    """.split()  # noqa: SIM905  # a list of words reads better as words
)
_SMALL = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen"""
_UNITS = {word: n for n, word in enumerate(_SMALL.split())}
_TENS = {word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}  # noqa: SIM905  # a list of words reads better as words


_STEMMER = Stemmer.Stemmer("english", 0)  # 0: its own cache is off; threads share it under the GIL


@functools.lru_cache(maxsize=50_000)
def _words(text: str) -> tuple[str, ...]:
    flat = text.lower().replace("’", "'")
    if not flat.isascii():
        flat = "".join(c for c in unicodedata.normalize("NFKD", flat) if not unicodedata.combining(c))
    return tuple(_WORD.findall(flat))


def words(text: str) -> list[str]:
    """Words in lower case, without accents."""
    return list(_words(text))


def content(text: str) -> list[str]:
    """The words that carry meaning, as they stand; without numbers."""
    return [word for word in _words(text) if word.isalpha() and word not in STOPWORDS]


@functools.lru_cache(maxsize=50_000)
def _terms(text: str) -> tuple[str, ...]:
    stems = (stem(word) for word in in_digits(_words(text)) if word not in STOPWORDS)
    return tuple(_SHARED.get(found, found) for found in stems)


def terms(text: str) -> list[str]:
    """The stems of the words that carry meaning, in order; everyday synonyms and spellings share one."""
    return list(_terms(text))


def in_digits(said: Sequence[str]) -> Iterator[str]:
    """Number words as digits: `twenty twenty five`, said of a year, is 2025, `two` is 2. `one` alone stays a word.

    By hand: text2num makes 20 25 of that year and 2nd of a second, and leaves `zero` as it is.
    """
    at = 0
    while at < len(said):
        groups: list[int] = []
        end = at
        while end < len(said) and (said[end] in _UNITS or said[end] in _TENS):
            if said[end] in _TENS and end + 1 < len(said) and 0 < _UNITS.get(said[end + 1], 0) < 10:
                groups.append(_TENS[said[end]] + _UNITS[said[end + 1]])
                end += 2
            else:
                groups.append(_TENS.get(said[end], _UNITS.get(said[end], 0)))
                end += 1
        if len(groups) == 2 and min(groups) >= 10:  # a year
            yield f"{groups[0]}{groups[1]}"
        elif groups and list(said[at:end]) != ["one"]:
            yield from map(str, groups)
        else:
            end = max(end, at + 1)
            yield from (word.replace(",", "") for word in said[at:end])
        at = end


@functools.lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The word without its ending, by Porter's second stemmer for English; what holds digits stays as it is."""
    word = word.removesuffix("'s")
    return str(_STEMMER.stemWord(word)) if word.isalpha() else word


_GROUPS = Path(__file__).with_name("synonyms.txt").read_text("utf-8")
SYNONYMS = hashlib.sha256(_GROUPS.encode()).hexdigest()[:8]
"""A hash of the synonyms: an index holds terms, so one made with other synonyms is made anew."""


def _shared() -> dict[str, str]:
    """From each stem of a group to the first one's."""
    lines = _GROUPS.splitlines()
    groups = [line.split() for line in lines if line and not line.startswith("#")]
    return {stem(word): stem(group[0]) for group in groups for word in group}


_SHARED = _shared()
