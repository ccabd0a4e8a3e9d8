"""Which sound of a known text is heard now: a hidden Markov model from the first sound to the last, smoothed over a
fixed lag (Rabiner 1989, forward-backward with `LAG` frames of backward steps). Pure.

Between words it may rest, and it may hear what is not in the text (a filler, for as long as nothing of the text fits)
or go on without a word that was left out: where text and sound differ, the sound wins.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.common.speech import VISEMES, Viseme

LAG = 2
"""Frames of the future that a decision takes into account."""

_SHARPNESS = 0.5  # neighbouring frames say nearly the same; each one's evidence counts less
_UNLIKELY = 0.01  # what a frame can count against a sound at most, before it is sharpened
_FILLER = 0.05  # a frame that is not the text's against one that is
_PAUSE, _PAUSE_AT_MARK = 0.08, 0.6  # how likely a rest between words is
_PARTS = 4  # of a sound at most: the more, the nearer it lasts to what is expected
_RESTS = 0.93  # how likely a rest lasts another frame
_LEFT_OUT = 1e-4  # how likely a word is left out
_BEHIND, _FORWARD = 40, 160  # states around the likeliest that are looked at
_UNFIT, _FIT = 0.45, 0.6  # how well the text fits the sound, where it is not trusted at all, and wholly
_MEMORY = 60  # frames over which that is judged
_CLOSED = VISEMES.index("PP")
_CLOSES = 3.0  # a mouth that stays open on a B is seen; one that closes a little early or late is not

Likely = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Expected:
    """One sound of the text: its shape, about how many frames it lasts, the index of its word."""

    shape: Viseme
    frames: float
    word: int


@dataclass(frozen=True, slots=True)
class Settled:
    """One frame: how likely each shape is, and which word sounds (`inside`), or comes next (not `inside`)."""

    shapes: Likely
    word: int
    inside: bool


class Alignment:
    """One utterance. A state is a part of a sound (up to four make one) or the gap between two words."""

    def __init__(self, sounds: Sequence[Expected], pauses: Sequence[bool], prior: NDArray[np.float32]) -> None:
        """`sounds`: of the text, in order. `pauses`: for each word, whether a rest is expected after it. `prior`
        [shapes]: how often each shape occurs."""
        shape, word, stay, gaps = [0], [0], [_RESTS if sounds else 1.0], [0]
        enter = [1.0]  # how likely a state is entered by the one before it; for gaps: rather than jumped over
        for i, sound in enumerate(sounds):
            parts = max(1, min(_PARTS, round(sound.frames / 2)))
            shape += [VISEMES.index(sound.shape)] * parts
            word += [sound.word] * parts
            stay += [max(1 - parts / max(sound.frames, 1), 0.05)] * parts
            enter += [1.0] * parts
            if i + 1 == len(sounds) or sounds[i + 1].word != sound.word:
                last = i + 1 == len(sounds)
                gaps.append(len(shape))
                shape.append(0)
                word.append(sound.word + 1)
                stay.append(1.0 if last else _RESTS)
                enter.append(1.0 if last else _PAUSE_AT_MARK if pauses[sound.word] else _PAUSE)
        self._shape, self._word = np.array(shape), np.array(word)
        self._stay, self._enter = np.array(stay), np.array(enter)
        self._is_gap = np.zeros(len(shape), bool)
        self._is_gap[gaps] = True
        self._prior = prior.astype(np.float64)
        self._alpha = np.zeros(len(shape))
        self._alpha[0] = 0.8
        self._alpha[1:2] = 0.2
        self._begun = False
        self._fit = _FIT
        self._pending: deque[tuple[Likely, Likely, Likely, slice]] = deque()  # posteriors, emissions, alpha, states

    def push(self, posteriors: NDArray[np.float32], *, final: bool) -> list[Settled]:
        """`posteriors` [n, shapes]: a row for each frame. Returns the frames that are settled now; with `final` all."""
        settled = []
        for row in posteriors:
            self._step(row.astype(np.float64))
            if len(self._pending) > LAG:
                settled.append(self._settle())
        while final and self._pending:
            settled.append(self._settle())
        return settled

    def _step(self, row: Likely) -> None:
        scaled = np.maximum(row / self._prior, 1e-9)
        scaled = np.maximum(scaled / scaled.max(), _UNLIKELY) ** _SHARPNESS
        here = int(self._alpha.argmax())
        states = slice(max(here - _BEHIND, 0), min(here + _FORWARD, len(self._alpha)))
        emission = scaled[self._shape[states]]
        gap = self._is_gap[states]
        emission[gap] = np.maximum(scaled[0], _FILLER)
        alpha = self._forward(self._alpha[states], states) if self._begun else self._alpha[states].copy()
        self._begun = True
        alpha *= emission
        alpha /= alpha.sum()
        self._alpha[:] = 0
        self._alpha[states] = alpha
        self._pending.append((row, emission, alpha, states))

    def _forward(self, alpha: Likely, states: slice) -> Likely:
        """One step of the chain."""
        stay, enter, gap = self._stay[states], self._enter[states], self._is_gap[states]
        moved = alpha * (1 - stay)
        new: Likely = alpha * stay
        new[1:] += moved[:-1] * enter[1:]
        new[2:] += moved[:-2] * (1 - enter[1:-1])  # over a gap
        at = np.flatnonzero(gap)
        new[at[1:]] += alpha[at[:-1]] * _LEFT_OUT
        new += 1e-30
        return new

    def _settle(self) -> Settled:
        """The oldest pending frame, in the light of those after it."""
        row, _, alpha, states = self._pending.popleft()
        first = min([states.start, *(seen.start for _, _, _, seen in self._pending)])
        last = max([states.stop, *(seen.stop for _, _, _, seen in self._pending)])
        stay, enter = self._stay[first:last], self._enter[first:last]
        beta = np.ones(last - first)
        for _, later, _, seen in reversed(self._pending):
            weighted = np.zeros(last - first)
            inner = slice(seen.start - first, seen.stop - first)
            weighted[inner] = later * beta[inner]
            beta = stay * weighted
            beta[:-1] += (1 - stay[:-1]) * enter[1:] * weighted[1:]
            beta[:-2] += (1 - stay[:-2]) * (1 - enter[1:-1]) * weighted[2:]
            beta /= beta.max()
        gamma = alpha * beta[states.start - first : states.stop - first]
        gamma /= gamma.sum()
        gap = self._is_gap[states]
        resting = float(gamma[gap].sum())
        read = np.bincount(self._shape[states][~gap], gamma[~gap], len(VISEMES))
        if resting < 0.5:
            # How likely what is read is, against what is heard most.
            self._fit += (float(read @ row) / ((1 - resting) * float(row.max())) - self._fit) / _MEMORY
        trust = min(max((self._fit - _UNFIT) / (_FIT - _UNFIT), 0.0), 1.0)
        read[_CLOSED] *= _CLOSES
        # A gap is a rest as far as it sounds like one, and else whatever is heard.
        shapes = trust * read + (1 - trust * (1 - resting)) * row
        best = int(gamma.argmax())
        return Settled(shapes, int(self._word[states][best]), not gap[best])
