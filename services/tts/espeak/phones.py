"""From espeak's phonemes to sounds that belong to written words.

espeak says some pairs of words as one ("of the", "I am"); such a group is divided where its parts resemble the words
said alone.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, groupby

from services.tts.engine import Line
from services.tts.espeak.library import Phoneme

_UNIT = re.compile(r"[ˈˌ]*(?:[td][ʃʒɕʑ]|[^ˈˌ])[ːˑʲʰ.\u0300-\u036f]*")
_ALONE_LIMIT = 4  # words in one group that are told apart by their sound; larger groups are divided evenly

Alone = Callable[[str], tuple[str, ...]]
"""The sounds of a word said alone."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One speech sound, with its stress and length signs: `event` is the index of the phoneme that it is (a part) of,
    `word` that of its word in the line."""

    ipa: str
    event: int
    word: int


@dataclass(frozen=True, slots=True)
class SpokenText:
    """A line as text for espeak; `spans`: first character, last + 1 and index in the line of each spoken word."""

    text: str
    spans: tuple[tuple[int, int, int], ...]


def spoken_text(line: Line) -> SpokenText:
    """What is said for the line's words, with their marks."""
    text = ""
    spans: list[tuple[int, int, int]] = []
    for index, word in enumerate(line.words):
        for spoken in word.spoken.split():
            text += " " if text else ""
            spans.append((len(text), len(text) + len(spoken), index))
            text += spoken
        if word.spoken and word.mark:
            text += word.mark
    return SpokenText(text, tuple(spans))


def units(ipa: str) -> list[str]:
    """A phoneme's sounds: a diphthong is two, an affricate one."""
    return _UNIT.findall(ipa)


def groups(phonemes: tuple[Phoneme, ...], said: SpokenText, alone: Alone) -> Iterator[list[Unit]]:
    """The sounds, grouped as espeak speaks them together, each with the written word that it belongs to."""
    voiced = [(i, p) for i, p in enumerate(phonemes) if p.ipa]
    together = [(position, list(group)) for position, group in groupby(voiced, key=lambda item: item[1].position)]
    starts = [start for start, _, _ in said.spans]
    first = [max(sum(start <= position for start in starts) - 1, 0) for position, _ in together]
    for i, (_, group) in enumerate(together):
        sounds = [(unit, event) for event, p in group for unit in units(p.ipa)]
        # A group reaches to where the next one begins: espeak reports one position for all words said as one.
        until = max(first[i + 1] if i + 1 < len(first) else len(starts), first[i] + 1)
        words = said.spans[first[i] : until]
        cuts = _divide([unit for unit, _ in sounds], [said.text[a:b] for a, b, _ in words], alone)
        yield [
            Unit(unit, event, word)
            for (_, _, word), start, end in zip(words, [0, *cuts], [*cuts, len(sounds)], strict=True)
            for unit, event in sounds[start:end]
        ]


def _divide(sounds: list[str], words: list[str], alone: Alone) -> list[int]:
    """Where to cut `sounds` so that the pieces resemble the words best."""
    if len(words) == 1:
        return []
    even = [round(len(sounds) * (i + 1) / len(words)) for i in range(len(words) - 1)]
    if not len(words) <= min(_ALONE_LIMIT, len(sounds)):
        return even
    bare = [sound.strip("ˈˌː") for sound in sounds]
    targets = [tuple(sound.strip("ˈˌː") for sound in alone(word)) for word in words]

    def distance(cuts: Iterable[int]) -> int:
        pieces = zip((0, *cuts), (*cuts, len(bare)), strict=True)
        return sum(_edits(tuple(bare[a:b]), t) for (a, b), t in zip(pieces, targets, strict=True))

    return list(min(combinations(range(1, len(bare)), len(words) - 1), key=distance))


@lru_cache(maxsize=4096)
def _edits(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]
