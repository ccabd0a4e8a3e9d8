"""Sound, sounds and words of several lines, cut into one utterance's speech messages. Pure: no clock, no threads."""

import base64
from collections import deque
from typing import TypeVar

import numpy as np
import soxr

from services.common.speech import CHUNK_MS, Chunk, Speech, Viseme, VisemeAt, Word
from services.tts.engine import Line, Part, Pcm
from services.tts.visemes.shapes import shape_changes

GRID_MS = 20
"""Chunks end on multiples of this, and so does the utterance: other utterances can follow sample-exact."""


_T = TypeVar("_T", VisemeAt, Word)


class Assembler:
    """One utterance. One chunk a message; every viseme and word travels with the chunk that it begins in."""

    def __init__(self, session: str, turn: int, rate_out: int) -> None:
        """`rate_out` has a whole number of samples in 20 ms."""
        self._session, self._turn = session, turn
        self._in = self._out = rate_out
        self._resampler: soxr.ResampleStream | None = None
        self._waiting: Pcm = np.zeros(0, np.int16)
        self._sent_ms = 0
        self._line_start_ms = 0.0
        self._line_made = 0  # samples at the line's own rate
        self._visemes: deque[VisemeAt] = deque()
        self._words: deque[Word] = deque()
        self._shape: Viseme | None = None

    def push(self, line: Line, part: Part, *, final: bool) -> list[Speech]:
        """The messages that are complete with this part; with `final` all that is left, the last marked so."""
        if line.voice.sample_rate != self._in:
            self._change_rate(line.voice.sample_rate)
        if part.phones:
            self._place(line, part)
        for viseme in part.visemes:
            self._shape_at(round(self._line_start_ms) + viseme.t, viseme.v)
        for word in part.words:
            start = round(self._line_start_ms)
            self._words.append(Word(t0=start + word.t0, t1=start + word.t1, text=word.text))
        self._line_made += len(part.pcm)
        if part.last:
            self._line_start_ms += self._line_made * 1000 / self._in
            self._line_made = 0
        sound = part.pcm if self._resampler is None else self._resampler.resample_chunk(part.pcm, last=final)
        self._waiting = np.concatenate([self._waiting, sound])
        return self._cut(final)

    def _change_rate(self, rate_in: int) -> None:
        """Lines follow whose voice has another rate than those before."""
        if self._resampler is not None:
            rest = self._resampler.resample_chunk(np.zeros(0, np.int16), last=True)
            self._waiting = np.concatenate([self._waiting, rest])
        self._in = rate_in
        self._resampler = soxr.ResampleStream(rate_in, self._out, 1, dtype="int16") if rate_in != self._out else None

    def _place(self, line: Line, part: Part) -> None:
        """Put the line's mouth shapes and words on the utterance's clock."""
        length = part.phones[-1].end + round(line.pause_ms * self._in / 1000)
        for sample, shape in shape_changes(part.phones, length):
            self._shape_at(self._ms(sample), shape)
        at = part.phones[0].start
        for index, word in enumerate(line.words):
            own = [phone for phone in part.phones if phone.word == index]
            start, end = (own[0].start, own[-1].end) if own else (at, at)
            self._words.append(Word(t0=self._ms(start), t1=self._ms(end), text=word.text))
            at = end

    def _shape_at(self, ms: int, shape: Viseme) -> None:
        if shape != self._shape:
            self._visemes.append(VisemeAt(t=ms, v=shape))
            self._shape = shape

    def _ms(self, sample: int) -> int:
        return round(self._line_start_ms + sample * 1000 / self._in)

    def _cut(self, final: bool) -> list[Speech]:
        grid = self._out * GRID_MS // 1000
        if final and len(self._waiting) % grid:
            self._waiting = np.pad(self._waiting, (0, grid - len(self._waiting) % grid))
        shortest, longest = (ms // GRID_MS * grid for ms in CHUNK_MS)
        messages = []
        while len(self._waiting) >= shortest or (final and len(self._waiting)):
            size = min(len(self._waiting) // grid * grid, longest)
            pcm, self._waiting = self._waiting[:size], self._waiting[size:]
            messages.append(self._message(pcm, final and not len(self._waiting)))
        if final and not messages:
            messages.append(self._message(self._waiting, True))
        return messages

    def _message(self, pcm: Pcm, final: bool) -> Speech:
        t0 = self._sent_ms
        self._sent_ms = t1 = t0 + len(pcm) * 1000 // self._out
        chunk = Chunk(t0=t0, t1=t1, pcm_b64=base64.b64encode(pcm.tobytes()).decode())
        return Speech(
            session=self._session,
            turn=self._turn,
            sr=self._out,
            chunks=[chunk] if len(pcm) else [],
            visemes=self._begun(self._visemes, [v.t for v in self._visemes], t1, final),
            words=self._begun(self._words, [w.t0 for w in self._words], t1, final),
            final=final,
        )

    @staticmethod
    def _begun(waiting: deque[_T], times: list[int], t1: int, final: bool) -> list[_T]:
        """Take out what begins before `t1`; everything, at the end."""
        return [waiting.popleft() for t in times if final or t < t1]
