"""What is counted and timed while the avatar is spoken to, and what it comes to."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from tests.bench.voice.utterances import Utterance


@dataclass
class Results:
    words: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))  # (wrong, said)
    voices: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    rooms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # answer_after
    numbers: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cut: list[Utterance] = field(default_factory=list)
    missed: list[Utterance] = field(default_factory=list)
    counts: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # of what went wrong


def summary(results: Results, said: list[Utterance]) -> dict[str, object]:
    found: dict[str, object] = {
        "utterances": len(said),
        "word_error_rate": error_rates(results.words),
        "word_error_rate_by_voice": error_rates(results.voices),
        "turns_cut": {
            "all": f"{len(results.cut)} of {len(said)}",
            "with a pause": f"{count_paused(results.cut)} of {count_paused(said)}",
        },
        "turns_missed": ", ".join(
            [str(len(results.missed)), *(f"{u.text} ({u.voice}, {u.room})" for u in results.missed)]
        ),
    }
    for name, happened in results.counts.items():
        which = ", ".join(results.names[name])
        found[name] = f"{sum(happened)} of {len(happened)}" + (f": {which}" if which else "")
    for name, values in results.numbers.items():
        found[name] = {f"p{p}": round(float(np.percentile(values, p)), 1) for p in (50, 95)}
    found["answer_after_by_room"] = {room: round(float(np.median(values))) for room, values in results.rooms.items()}
    return found


def error_rates(words: dict[str, list[tuple[int, int]]]) -> dict[str, float]:
    return {key: round(100 * sum(w for w, _ in of) / sum(n for _, n in of), 1) for key, of in words.items()}


def count_paused(these: list[Utterance]) -> int:
    return sum(utterance.kind == "paused" for utterance in these)
