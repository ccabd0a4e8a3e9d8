"""One turn's speech on its way out: messages in, samples at 48 kHz out. Pure."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import soxr
from numpy.typing import NDArray

from services.common.speech import Speech, Word
from services.renderer.engine import Sound
from services.renderer.media.clock import SAMPLE_RATE

SAMPLES_PER_MS = SAMPLE_RATE // 1000

FADE = 10 * SAMPLES_PER_MS
"""Speech that is paused fades out over this many of its samples, and in again over as many of the next."""


def fall(samples: int) -> NDArray[np.float32]:
    """From 1 to 0, without a corner."""
    return (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, samples))).astype(np.float32)


@dataclass(slots=True)
class SpokenTurn:
    """One turn's speech at 48 kHz; times that come in are ms, places within it are samples."""

    number: int
    sr: int
    final: bool = False
    over: bool = False  # finished or cancelled
    end_ms: int = 0
    played: int = 0
    dry: bool = False
    faded: bool = False  # paused, and silent
    held: int = 0  # ticks in a row that it waits for pictures
    _taken: int = 0
    _waiting: int = 0
    _blocks: deque[Sound] = field(default_factory=deque)
    _words: deque[Word] = field(default_factory=deque)
    _resampler: soxr.ResampleStream | None = None

    def __post_init__(self) -> None:
        if self.sr != SAMPLE_RATE:
            self._resampler = soxr.ResampleStream(self.sr, SAMPLE_RATE, 1, dtype="int16", quality="HQ")

    @property
    def heard_ms(self) -> int:
        """How much of it has been played, ms."""
        return min(self.played // SAMPLES_PER_MS, self.end_ms)

    @property
    def buffered_ms(self) -> int:
        """How much of it waits to be played, ms; 0 once it is over."""
        return 0 if self.over else self.end_ms - self.heard_ms

    def append(self, speech: Speech, *, final: bool) -> Sound:
        """WindowJob a message that has been found to fit. Returns its sound, placed to the sample, at its own rate."""
        pieces = []
        for chunk in speech.chunks:
            pcm = np.frombuffer(chunk.pcm(), dtype="<i2")
            # A chunk may be a sample longer or shorter than its times say: mended here, so that it never adds up.
            length = round(chunk.t1 * self.sr / 1000) - self._taken
            if length < len(pcm):
                pcm = pcm[:length]
            elif length > len(pcm):
                pcm = np.pad(pcm, (0, length - len(pcm)), mode="edge")
            self._taken += len(pcm)
            pieces.append(pcm)
        sound = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
        self._words.extend(speech.words)
        self.end_ms = max(self.end_ms, speech.t1)
        self.final = final
        resampled = self._resampler.resample_chunk(sound, last=final) if self._resampler else sound
        if len(resampled):
            self._blocks.append(resampled)
            self._waiting += len(resampled)
        return sound

    def read_into(self, frame: Sound) -> int:
        """Fill the frame from its start; returns how many samples there were. After a pause they fade in."""
        filled = self._take(frame)
        if self.faded:
            self.faded = False
            rises = min(filled, FADE)
            frame[:rises] = frame[:rises] * (1 - fall(rises))
        return filled

    def fade_into(self, frame: Sound) -> int:
        """As `read_into`, for a turn that is paused: in the first frame it fades out, and then there is nothing."""
        if self.stands:
            return 0
        self.faded = True
        falls = self._take(frame[:FADE])
        frame[:falls] = frame[:falls] * fall(falls)
        return falls

    def _take(self, frame: Sound) -> int:
        filled = 0
        while self._blocks and filled < len(frame):
            block = self._blocks[0]
            part = block[: len(frame) - filled]
            frame[filled : filled + len(part)] = part
            filled += len(part)
            if len(part) == len(block):
                self._blocks.popleft()
            else:
                self._blocks[0] = block[len(part) :]
        self._waiting -= filled
        self.played += filled
        return filled

    def words_reached(self) -> list[Word]:
        """Words that began before the place that has been played, once each."""
        reached = []
        while self._words and self._words[0].t0 * SAMPLES_PER_MS < self.played:
            reached.append(self._words.popleft())
        return reached

    def sounds_at(self, ahead: int) -> bool:
        """Whether there is speech `ahead` samples after the place that has been played; before it, if negative."""
        if self.over or self.held:
            return False
        return (0 if self.stands else -self.played) <= ahead < self._waiting

    @property
    def stands(self) -> bool:
        """Whether its next sound comes after silence."""
        return self.dry or self.faded or not self.played

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be played, so far."""
        return not self._waiting

    @property
    def exhausted(self) -> bool:
        """Whether it has been played to its end."""
        return self.final and self.empty

    def drop(self) -> None:
        """Forget what has not been played."""
        self.over = True
        self._blocks.clear()
        self._words.clear()
        self._waiting = 0
