"""A sentence to look at and to measure with: its visemes, and a sound with their loudness. No voice needed."""

import numpy as np
from numpy.typing import NDArray

from services.common.speech import Viseme, VisemeAt
from services.renderer.engine import Moment
from services.renderer.portrait.acting.actor import Actor
from services.renderer.portrait.acting.pose import Pose
from services.renderer.portrait.person.identity import Identity

# "Hello, I'm so glad you came by. Ask me about the map."
_SENTENCE: tuple[tuple[int, Viseme], ...] = (
    (0, "SIL"), (60, "KK"), (110, "EH"), (200, "NN"), (270, "OH"), (400, "OU"), (520, "SIL"), (680, "AA"), (790, "IH"),
    (870, "PP"), (960, "SS"), (1060, "OH"), (1200, "KK"), (1270, "NN"), (1340, "AA"), (1500, "DD"), (1570, "IH"),
    (1640, "OU"), (1760, "KK"), (1840, "EH"), (1940, "IH"), (2010, "PP"), (2090, "PP"), (2170, "AA"), (2330, "IH"),
    (2470, "SIL"), (2750, "AA"), (2900, "SS"), (2980, "KK"), (3050, "PP"), (3120, "IH"), (3220, "AA"), (3290, "PP"),
    (3360, "AA"), (3480, "OU"), (3550, "DD"), (3610, "TH"), (3670, "AA"), (3730, "PP"), (3810, "AA"), (3990, "PP"),
    (4070, "SIL"),
)  # fmt: skip
SENTENCE_MS = 4300
SAMPLE_RATE = 16_000

_LOUD: dict[Viseme, float] = {
    "SIL": 0.0,
    "PP": 0.08,
    "FF": 0.12,
    "SS": 0.2,
    "CH": 0.2,
    "KK": 0.12,
    "DD": 0.2,
    "TH": 0.2,
}
_LOUD_OTHERS = 0.75
_STRESSED_MS = (270, 1060, 1340, 2170, 2750, 3810)


def visemes() -> list[VisemeAt]:
    """The sentence's visemes, ms from its start."""
    return [VisemeAt(t=t, v=v) for t, v in _SENTENCE]


def sound() -> NDArray[np.int16]:
    """A hum, loud where the sentence's vowels are and louder on the stressed ones."""
    samples = SENTENCE_MS * SAMPLE_RATE // 1000
    loud = np.zeros(samples)
    for (start, name), (end, _) in zip(_SENTENCE, [*_SENTENCE[1:], (SENTENCE_MS, "SIL")], strict=True):
        level = _LOUD.get(name, _LOUD_OTHERS) * (1.3 if start in _STRESSED_MS else 1.0)
        loud[start * SAMPLE_RATE // 1000 : end * SAMPLE_RATE // 1000] = level
    loud = np.convolve(loud, np.hanning(640) / np.hanning(640).sum(), "same")
    return np.asarray(loud * 9000 * np.sin(2 * np.pi * 120 * np.arange(samples) / SAMPLE_RATE), np.int16)


def performance(
    who: Identity, seconds: float, *, fps: float = 15, first_s: float = 0.6, every_s: float = 8.0
) -> list[Pose]:
    """Poses of an actor who says the sentence from `first_s` on, and again every so many seconds."""
    actor = Actor(seed=7, rest=who.rest)
    poses, told = [], 0
    for i in range(int(seconds * fps)):
        at = i / fps
        turn = int((at - first_s) // every_s) + 1 if at >= first_s else 0
        if turn > told:
            actor.hear(turn, 0, sound(), SAMPLE_RATE, visemes())
            told = turn
        t = (at - first_s - (turn - 1) * every_s) * 1000
        poses.append(actor.pose(Moment(at, turn, t if turn and t < SENTENCE_MS else None)))
    return poses
