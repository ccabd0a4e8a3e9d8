"""What is counted and timed while the avatar is spoken to, and the numbers that follow from it."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from tests.bench.report import percentiles
from tests.bench.voice.utterances import Utterance


@dataclass
class Scores:
    """Grows with every utterance. Times are ms."""

    words: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    """Words wrong and words said, one pair an utterance, by room."""
    voices: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    """The same by voice, of the two rooms with least noise."""
    rooms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """`answer_after` by room."""
    numbers: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Times by the name under which they are reported."""
    cut: list[Utterance] = field(default_factory=list)
    """Utterances that became more than one turn."""
    missed: list[Utterance] = field(default_factory=list)
    """Utterances that became none."""
    counts: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    """Whether it happened, one entry a trial, by the name under which it is reported."""
    names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The sounds with which it happened."""


def summary(scores: Scores, said: list[Utterance]) -> dict[str, object]:
    """The numbers of the report, by name; `said` is every utterance that a turn was expected of."""
    found: dict[str, object] = {
        "utterances": len(said),
        "word_error_rate": error_rates(scores.words),
        "word_error_rate_by_voice": error_rates(scores.voices),
        "turns_cut": {
            "all": f"{len(scores.cut)} of {len(said)}",
            "with a pause": f"{count_paused(scores.cut)} of {count_paused(said)}",
        },
        "turns_missed": ", ".join(
            [str(len(scores.missed)), *(f"{u.text} ({u.voice}, {u.room})" for u in scores.missed)]
        ),
    }
    for name, happened in scores.counts.items():
        which = ", ".join(scores.names[name])
        found[name] = f"{sum(happened)} of {len(happened)}" + (f": {which}" if which else "")
    for name, values in scores.numbers.items():
        found[name] = percentiles(values)
    found["answer_after_by_room"] = {room: round(float(np.median(values))) for room, values in scores.rooms.items()}
    return found


def error_rates(words: dict[str, list[tuple[int, int]]]) -> dict[str, float]:
    """Percent of words wrong, by key, of pairs of words wrong and words said."""
    return {key: round(100 * sum(w for w, _ in of) / sum(n for _, n in of), 1) for key, of in words.items()}


def count_paused(these: list[Utterance]) -> int:
    """How many have a pause inside."""
    return sum(utterance.kind == "paused" for utterance in these)
