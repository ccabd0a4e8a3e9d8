"""One line's sound on its way from the model to the listener. Pure."""

from collections.abc import Iterator

import numpy as np

from services.common.speech import VisemeAt, Word
from services.tts.engine import Part, Pcm
from services.tts.sound import LEAD_S, Sound, level, onset, samples, settle
from services.tts.visemes.tracking import VisemeTracker

_FIRST_S, _NEXT_S = 0.16, 0.32  # of a part
_LEAD_LIMIT_S = 0.6  # silence before the first sound is cut, unless it is longer than this
_TAIL_S = 0.04  # kept after the last sound
_LAG_S = 0.07  # how far the tracker is behind, until it is known


class LineSound:
    """Cuts a line's sound into parts. A part leaves as soon as its shapes and words are certain."""

    def __init__(self, rate: int, tracker: VisemeTracker) -> None:
        self._rate, self._tracker = rate, tracker
        self._lead: Sound | None = np.zeros(0, np.float32)  # silence so far; None: the first sound has come
        self._held: Pcm = np.zeros(0, np.int16)  # made and not yet handed out
        self._sent = 0  # samples
        self._settled = 0  # samples whose shapes and words are certain
        self._lag = round(_LAG_S * rate)  # samples that the tracker is behind
        self._visemes: list[VisemeAt] = []
        self._words: list[Word] = []

    def missing(self) -> int:
        """How many more samples the next part takes."""
        return self._size() + self._lag - len(self._held)

    def push(self, sound: Sound, pause_ms: int | None) -> Iterator[Part]:
        """The parts that are complete with this sound. With `pause_ms`, which ends the line, all parts."""
        over = pause_ms is not None
        sound = level(sound, 1.0)
        if self._lead is not None:
            sound = np.concatenate([self._lead, sound])
            begins = onset(sound)
            if begins == len(sound) and len(sound) < _LEAD_LIMIT_S * self._rate and not over:
                self._lead = sound
                return
            self._lead = None
            sound = sound[max(0, begins - round(LEAD_S * self._rate)) :] if begins < len(sound) else sound
        pcm = samples(sound) if pause_ms is None else self._ending(sound, pause_ms)
        made = self._sent + len(self._held) + len(pcm)
        found = self._tracker.feed(pcm, over)
        self._visemes += found.visemes
        self._words += found.words
        self._settled = made if over else min(made, found.until_ms * self._rate // 1000)
        self._lag = max(self._lag, made - self._settled)
        self._held = np.concatenate([self._held, pcm])
        while self._settled - self._sent >= self._size() and len(self._held) > self._size():
            yield self._part(self._size(), last=False)
        if over:
            yield self._part(len(self._held), last=True)

    def _size(self) -> int:
        return round((_NEXT_S if self._sent else _FIRST_S) * self._rate)

    def _part(self, size: int, *, last: bool) -> Part:
        pcm, self._held = self._held[:size], self._held[size:]
        self._sent += size
        part = Part(pcm, (), last, tuple(self._visemes), tuple(self._words))
        self._visemes, self._words = [], []
        return part

    def _ending(self, sound: Sound, pause_ms: int) -> Pcm:
        """The last stretch: up to its last sound, and the pause."""
        end = len(sound) - onset(sound[::-1])
        end = min(end + round(_TAIL_S * self._rate), len(sound))
        return settle(sound, end, end + round(pause_ms * self._rate / 1000))
