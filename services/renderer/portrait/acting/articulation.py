"""Articulation: visemes and loudness of a turn -> the shape of the mouth and the weight of each moment.

Co-articulation after Cohen and Massaro (1993): every viseme pulls each mouth parameter towards its own target with a
dominance that is full while it sounds and fades before and after, so that neighbours blend and a rounded vowel shows
before it is heard. Lips that must touch (P, B, M; F, V) do not take part in the vote: a seal closes in time for the
sound whatever the neighbours want. Everything is a function of the turn's time; nothing depends on the frame rate.
"""

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.common.speech import Viseme, VisemeAt
from services.renderer.portrait.acting.pose import MOUTH

Vector = NDArray[np.float64]

SHAPES: dict[Viseme, dict[str, float]] = {
    "SIL": {},
    "PP": {"press": 0.85, "pucker": 0.10},
    "FF": {"tuck": 1.0, "upper": 0.95, "jaw": 0.06},
    "TH": {"jaw": 0.30, "upper": 0.10, "lower": 0.50, "wide": 0.05, "tongue": 0.95, "tongue_out": 1.0},
    "DD": {"jaw": 0.20, "upper": 0.34, "lower": 0.62, "wide": 0.22, "tongue": 0.80},
    "KK": {"jaw": 0.33, "upper": 0.05, "wide": -0.22},
    "CH": {"jaw": 0.05, "pucker": 0.72, "upper": 1.0, "lower": 1.0},
    "SS": {"jaw": 0.02, "wide": 0.55, "upper": 0.50, "lower": 0.62},
    "NN": {"jaw": 0.18, "upper": 0.08, "lower": 0.30, "pucker": 0.12, "tongue": 1.0},
    "RR": {"jaw": 0.17, "pucker": 0.70, "upper": 0.12, "lower": 0.42, "tongue": 0.35},
    "AA": {"jaw": 0.95, "upper": 0.22, "lower": 0.10, "wide": 0.02},
    "EH": {"jaw": 0.52, "wide": 0.38, "upper": 0.36, "lower": 0.25, "tongue": 0.20},
    "IH": {"jaw": 0.24, "wide": 0.80, "upper": 0.46, "lower": 0.42, "tongue": 0.35},
    "OH": {"jaw": 0.62, "pucker": 0.68, "upper": 0.08},
    "OU": {"jaw": 0.22, "pucker": 1.08, "lower": 0.10},
}
"""What each viseme wants, at full effort; what it does not name it wants at 0."""

_STRENGTH: dict[Viseme, dict[str, float]] = {
    "SIL": {"*": 0.8},
    "PP": {"*": 0.5, "press": 3.0},
    "FF": {"*": 0.6, "tuck": 3.0, "upper": 1.6, "jaw": 1.2},
    "TH": {"*": 0.7, "tongue": 1.5, "tongue_out": 2.0},
    "DD": {"*": 0.5, "tongue": 1.2},
    "KK": {"*": 0.35},
    "CH": {"*": 1.0, "pucker": 1.3},
    "SS": {"*": 0.9, "jaw": 1.4},
    "NN": {"*": 0.5, "tongue": 1.2},
    "RR": {"*": 0.6, "pucker": 1.0},
    "AA": {"*": 1.0, "jaw": 1.6},
    "EH": {"*": 0.9, "jaw": 1.5},
    "IH": {"*": 0.8, "wide": 1.1, "jaw": 1.2},
    "OH": {"*": 1.0, "pucker": 1.4, "jaw": 1.6},
    "OU": {"*": 1.0, "pucker": 1.7, "jaw": 1.3},
}
"""How hard it wants that; `*` stands for the parameters not named."""

_REACH_MS = {"jaw": 52.0, "wide": 62.0, "pucker": 78.0, "upper": 42.0, "lower": 42.0, "tuck": 34.0, "press": 30.0}
_REACH_MS_OTHERS = 38.0
"""How far before and after its sound a viseme is seen: the jaw is heavy, rounding is anticipated, lips are quick."""

_LEAD_MS = 18.0
"""The face runs this much ahead of the sound, as faces do."""

SEAL_CLOSING_MS, SEAL_OPENING_MS = 75.0, 60.0
SEAL_HOLD_MS = 78.0
"""Longer than a frame at 15 FPS: a closure is never skipped."""

ENVELOPE_MS = 20


def vector(shape: dict[str, float]) -> Vector:
    """Mouth parameters by name -> vector in the order of `MOUTH`."""
    return np.array([shape.get(name, 0.0) for name in MOUTH])


_TARGETS = {v: vector(shape) for v, shape in SHAPES.items()}
_PULLS = {v: np.array([s.get(name, s["*"]) for name in MOUTH]) for v, s in _STRENGTH.items()}
_REACH = np.array([_REACH_MS.get(name, _REACH_MS_OTHERS) for name in MOUTH])
_SEAL, _JAW = MOUTH.index("seal"), MOUTH.index("jaw")


@dataclass(frozen=True, slots=True)
class Articulation:
    """What the mouth does, and how much weight there is, at one instant of speech."""

    mouth: Vector  # in the order of MOUTH
    loudness: float  # 0 (silence) .. 1 (the turn's loud vowels)
    emphasis: float  # 0..1: how far this moment stands out of its surroundings
    phrase_end_ms: float | None  # when the last phrase before this moment ended


@dataclass
class _Turn:
    times: list[float] = field(default_factory=list)
    visemes: list[Viseme] = field(default_factory=list)
    envelope: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    heard_ms: float = 0.0


class Articulator:
    """What one session's turns say, and how the mouth shows it."""

    def __init__(self) -> None:
        self._turns: dict[int, _Turn] = {}

    def hear(self, turn: int, t0: int, pcm: NDArray[np.int16], sr: int, visemes: list[VisemeAt]) -> None:
        """Speech to come: `pcm` starts `t0` ms into `turn`; viseme times are of the turn."""
        heard = self._turns.setdefault(turn, _Turn())
        for viseme in visemes:
            at = bisect_right(heard.times, viseme.t)
            heard.times.insert(at, float(viseme.t))
            heard.visemes.insert(at, viseme.v)
        loud = envelope(pcm, sr)
        first = t0 // ENVELOPE_MS
        grown = np.zeros(max(len(heard.envelope), first + len(loud)), np.float32)
        grown[: len(heard.envelope)] = heard.envelope
        grown[first : first + len(loud)] = loud
        heard.envelope = grown
        heard.heard_ms = max(heard.heard_ms, t0 + len(pcm) * 1000 / sr)

    def forget(self, turn: int) -> None:
        """Drop the turns up to this one."""
        for old in [known for known in self._turns if known <= turn]:
            del self._turns[old]

    def at(self, turn: int, t: float) -> Articulation:
        """The mouth `t` ms into the turn; a turn that is not known is silent."""
        heard = self._turns.get(turn)
        if heard is None:
            return Articulation(np.zeros(len(MOUTH)), 0.0, 0.0, None)
        loudness, emphasis = _weight(heard.envelope, t)
        mouth = _blend(heard, t + _LEAD_MS)
        mouth[_JAW] *= 0.78 + 0.42 * loudness
        mouth[_SEAL] = _seal(heard, t)
        mouth[_JAW] *= 1 - 0.45 * mouth[_SEAL]
        return Articulation(mouth, loudness, emphasis, _phrase_end(heard, t))


def envelope(pcm: NDArray[np.int16], sr: int) -> NDArray[np.float32]:
    """Loudness of each 20 ms: RMS of full scale, to the power 0.6 (how loud it seems)."""
    hop = sr * ENVELOPE_MS // 1000
    padded = np.zeros(-(-len(pcm) // hop) * hop, np.float32)
    padded[: len(pcm)] = pcm
    rms = np.sqrt((padded.reshape(-1, hop) ** 2).mean(1)) / 32768
    return np.asarray(rms**0.6, np.float32)


def _end(heard: _Turn, i: int) -> float:
    """When the i-th viseme ends: at the next one, or with the sound."""
    if i + 1 < len(heard.times):
        return heard.times[i + 1]
    return max(heard.heard_ms, heard.times[i] + 60)


def _near(heard: _Turn, t: float, ms: float) -> range:
    """Indices of the visemes that sound within `ms` of t."""
    first = max(0, bisect_right(heard.times, t - ms) - 1)
    return range(first, bisect_right(heard.times, t + ms))


def _blend(heard: _Turn, t: float) -> Vector:
    """Targets weighted by dominance. Silence before the first and after the last viseme takes part."""
    total = np.full(len(MOUTH), 1e-4)
    mouth = np.zeros(len(MOUTH))
    for i in _near(heard, t, 260):
        start, end = heard.times[i], _end(heard, i)
        away = max(start - t, 0.0, t - end)
        dominance = _PULLS[heard.visemes[i]] * np.exp(-((away / _REACH) ** 2))
        mouth += dominance * _TARGETS[heard.visemes[i]]
        total += dominance
    if heard.times:
        before, after = heard.times[0] - t, t - max(heard.heard_ms, _end(heard, len(heard.times) - 1))
        outside = max(before, after)
        if outside > 0:
            total += 0.8 * (1 - np.exp(-((outside / _REACH) ** 2)))
    return np.asarray(mouth / total)


def _seal(heard: _Turn, t: float) -> float:
    """How far the lips are closed for a P, B or M: shut from a little before its onset, for longer than a frame."""
    seal = 0.0
    for i in _near(heard, t, 260):
        if heard.visemes[i] != "PP":
            continue
        shut = heard.times[i] - 14
        opens = max(_end(heard, i) - 12, shut + SEAL_HOLD_MS)
        away = max((shut - t) / SEAL_CLOSING_MS, (t - opens) / SEAL_OPENING_MS, 0.0)
        if away < 1:
            seal = max(seal, 1 - away * away * (3 - 2 * away))
    return seal


def _weight(loud: NDArray[np.float32], t: float) -> tuple[float, float]:
    """(loudness, emphasis) at t, both against the loud parts of the turn so far known."""
    if not len(loud):
        return 0.0, 0.0
    k = t / ENVELOPE_MS
    reference = max(float(np.quantile(loud, 0.92)), 0.05)

    def mean(before: float, after: float) -> float:
        lo, hi = max(0, int(k - before)), max(0, int(k + after) + 1)
        return float(loud[lo:hi].mean()) if len(loud[lo:hi]) else 0.0

    now, here, around = mean(1.5, 1.5), mean(3, 4), mean(30, 22)
    emphasis = (here - max(around, 0.35 * reference)) / reference
    return min(1.0, now / reference), float(np.clip(emphasis * 2.2, 0, 1))


def _phrase_end(heard: _Turn, t: float) -> float | None:
    """Start of the last pause of 120 ms or more that began by t."""
    for i in range(bisect_right(heard.times, t) - 1, -1, -1):
        if heard.visemes[i] == "SIL" and i > 0 and _end(heard, i) - heard.times[i] >= 120:
            return heard.times[i]
    return None
