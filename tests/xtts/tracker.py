"""In the tracker's place: times that a test can foretell. A new shape every 100 ms, told 60 ms late, as is a word."""

from itertools import cycle

from services.common.speech import VISEMES, VisemeAt, Word
from services.tts.engine import Line, Pcm
from services.tts.visemes.tracking import Tracked

STEP_MS, LATE_MS = 100, 60


class Foretold:
    """Words share the line's first second evenly."""

    def __init__(self, line: Line, rate: int) -> None:
        self._rate = rate
        self._heard = self._settled = 0
        self._shapes = cycle(VISEMES)
        length = 1000 // len(line.words)
        self._words = [Word(t0=i * length, t1=(i + 1) * length, text=word.text) for i, word in enumerate(line.words)]

    def feed(self, pcm: Pcm, final: bool) -> Tracked:
        self._heard += len(pcm)
        now = self._heard * 1000 // self._rate
        until = now if final else max(now - LATE_MS, self._settled)
        begins = range(-(-self._settled // STEP_MS) * STEP_MS, until, STEP_MS)
        ended = [word for word in self._words if final or word.t1 <= until]
        self._words = self._words[len(ended) :]
        self._settled = until
        return Tracked([VisemeAt(t=t, v=next(self._shapes)) for t in begins], ended, until)
