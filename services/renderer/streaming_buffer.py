"""What a session is about to say: speech messages in, 20 ms of sound out.

Pure: no I/O, no time of its own; a call of `tick` is 20 ms. Holds at most one turn and at most `capacity_ms` of it, so
that dropping the turn drops everything that has not been heard.
"""

from collections import deque
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from services.common.errors import Problem
from services.common.speech import Speech, Word
from services.renderer.clock import SAMPLE_RATE, SAMPLES_PER_TICK

Sound = NDArray[np.int16]

SAMPLES_PER_MS = SAMPLE_RATE // 1000
PLAYING_TICKS = 5
"""A turn's position is told after this many 20 ms frames of it."""

EDGE = 5 * SAMPLES_PER_MS
"""Where sound is cut, the last value glides to zero over this many samples instead of clicking."""

FADE = 10 * SAMPLES_PER_MS
"""Speech that is paused fades out over this many of its samples, and in again over as many of the next."""


def _fall(samples: int) -> NDArray[np.float32]:
    """From 1 to 0, without a corner."""
    return (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, samples))).astype(np.float32)


_GLIDE = _fall(EDGE)


@dataclass(frozen=True, slots=True)
class Position:
    """The turn has been heard up to `t` ms."""

    turn: int
    t: int
    phase: Literal["started", "playing", "finished"]


@dataclass(frozen=True, slots=True)
class Heard:
    """A word begins to sound."""

    turn: int
    word: Word


@dataclass(frozen=True, slots=True)
class Tick:
    """20 ms of sound (960 samples), how many of them are speech, and what happened in them."""

    pcm: Sound
    spoken: int
    happened: tuple[Position | Heard, ...]
    ran_dry: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """What became of a message. `pcm` is its sound at its own rate; `replaced` the turn that it pushed out."""

    turn: int
    pcm: Sound
    dropped: bool
    replaced: int | None


@dataclass(slots=True)
class _Turn:
    """One turn's speech at 48 kHz; times that come in are ms, places within it are samples."""

    number: int
    sr: int
    final: bool = False
    over: bool = False  # finished or cancelled
    end_ms: int = 0
    played: int = 0
    dry: bool = False
    faded: bool = False  # paused, and silent
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
        return min(self.played // SAMPLES_PER_MS, self.end_ms)

    @property
    def buffered_ms(self) -> int:
        return 0 if self.over else self.end_ms - self.heard_ms

    def append(self, speech: Speech, *, final: bool) -> Sound:
        """Take a message that has been found to fit. Returns its sound, placed to the sample, at its own rate."""
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
        """Fill the frame from its start; returns how many samples there were."""
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
        stands = self.dry or self.faded
        return not self.over and (0 if stands else -self.played) <= ahead < self._waiting

    @property
    def exhausted(self) -> bool:
        return self.final and not self._waiting

    def drop(self) -> None:
        """Forget what has not been played."""
        self.over = True
        self._blocks.clear()
        self._words.clear()
        self._waiting = 0


class StreamingBuffer:
    """One session's speech. Turns only grow: a newer one replaces the one that sounds, older ones are dropped."""

    def __init__(self, capacity_ms: int) -> None:
        self.capacity_ms = capacity_ms
        self.heard_turn = 0  # newest turn of which something was heard
        self._cancelled = 0
        self._paused = 0  # turns up to this one stand still
        self._turn = _Turn(0, SAMPLE_RATE, over=True)
        self._last = 0  # the sample that went out last
        self._sounding = 0  # the turn that it belongs to
        self._ticks = 0  # of the turn

    @property
    def turn(self) -> int:
        """The newest turn; 0 before the first."""
        return self._turn.number

    @property
    def buffered_ms(self) -> int:
        """Speech that has not been heard yet, ms."""
        return self._turn.buffered_ms

    @property
    def speaking(self) -> bool:
        """Whether a turn is being spoken, or waits for more speech."""
        return not self._turn.over

    def offer(self, speech: Speech) -> Offer:
        """Take a message. A cancelled or older turn's is dropped.

        Raises `Problem`: 409 if it does not follow what came before, 429 if it would run more than `capacity_ms` ahead
        of what is heard. Then nothing of it is kept.
        """
        newest = max(self._turn.number, self._cancelled)
        number = speech.turn if speech.turn is not None else newest + 1
        if number <= self._cancelled or number < self._turn.number:
            return Offer(number, np.zeros(0, np.int16), dropped=True, replaced=None)
        turn = self._turn if number == self._turn.number else _Turn(number, speech.sr)
        self._check(turn, speech)
        replaced = None
        if turn is not self._turn:
            if self.speaking:
                replaced = self._turn.number
                self._turn.drop()
            self._turn, self._ticks = turn, 0
        pcm = turn.append(speech, final=speech.final or speech.turn is None)
        return Offer(number, pcm, dropped=False, replaced=replaced)

    def cancel(self, turn: int) -> int:
        """Nothing more of turns up to this one will sound, nor be accepted. Returns how much of it was heard, ms."""
        self._cancelled = max(self._cancelled, turn)
        if self._turn.number <= turn and not self._turn.over:
            self._turn.drop()
        return self.heard_ms(turn)

    def pause(self, turn: int) -> None:
        """Turns up to this one stand still: what sounds fades out within the next tick, what is yet to come waits."""
        self._paused = max(self._paused, turn)

    def resume(self, turn: int) -> None:
        """Turns up to this one go on with the very next sample. A pause of a newer turn stays."""
        if turn >= self._paused:
            self._paused = 0

    def heard_ms(self, turn: int) -> int:
        """How much of the turn was heard, ms; 0 for one that is not the newest."""
        return self._turn.heard_ms if self._turn.number == turn else 0

    def tick(self) -> Tick:
        """The next 20 ms."""
        turn = self._turn
        frame = np.zeros(SAMPLES_PER_TICK, np.int16)
        happened: list[Position | Heard] = []
        ran_dry = False
        spoken = 0
        if not turn.over:
            begins = turn.played == 0
            paused = self._stands(turn)
            spoken = self._read_paused(turn, frame) if paused else self._read(turn, frame)
            if spoken and begins:
                self.heard_turn = turn.number
                happened.append(Position(turn.number, 0, "started"))
            happened += [Heard(turn.number, word) for word in turn.words_reached()]
            self._ticks += spoken > 0
            if turn.exhausted:
                happened.append(Position(turn.number, turn.end_ms, "finished"))
                turn.over = True
            elif spoken and not begins and self._ticks % PLAYING_TICKS == 0:
                happened.append(Position(turn.number, turn.heard_ms, "playing"))
            if turn.played and not turn.over and not paused:
                ran_dry = spoken < SAMPLES_PER_TICK and not turn.dry
                resumes = turn.dry and spoken > 0
                turn.dry = spoken < SAMPLES_PER_TICK
                if resumes:
                    frame[:EDGE] = frame[:EDGE] * (1 - _GLIDE)
        self._smooth(frame, spoken, turn.number)
        return Tick(frame, spoken, tuple(happened), ran_dry)

    @staticmethod
    def _read(turn: _Turn, frame: Sound) -> int:
        spoken = turn.read_into(frame)
        if turn.faded:
            turn.faded = False
            rises = min(spoken, FADE)
            frame[:rises] = frame[:rises] * (1 - _fall(rises))
        return spoken

    @staticmethod
    def _read_paused(turn: _Turn, frame: Sound) -> int:
        """Nothing, but for the first frame of a pause: there what sounds fades out."""
        if turn.faded or turn.dry or not turn.played:
            return 0
        turn.faded = True
        falls = turn.read_into(frame[:FADE])
        frame[:falls] = frame[:falls] * _fall(falls)
        return falls

    def at(self, ahead: int) -> tuple[int, float | None]:
        """(turn, ms into its speech) that sounds `ahead` samples after the start of the next tick.

        The ms are None where nothing sounds; the turn is then the newest that was heard.
        """
        if self._stands(self._turn) or not self._turn.sounds_at(ahead):
            return self.heard_turn, None
        return self._turn.number, (self._turn.played + ahead) / SAMPLES_PER_MS

    def _stands(self, turn: _Turn) -> bool:
        return turn.number <= self._paused

    def _check(self, turn: _Turn, speech: Speech) -> None:
        if turn.final:
            raise Problem(409, f"turn: {turn.number} ended with its final message at {turn.end_ms} ms.")
        if speech.sr != turn.sr:
            raise Problem(409, f"sr: turn {turn.number} has {turn.sr} Hz, this message {speech.sr} Hz.")
        if speech.chunks and speech.t0 != turn.end_ms:
            what = "overlaps with" if speech.t0 < turn.end_ms else "leaves a gap after"
            raise Problem(
                409,
                f"chunks: turn {turn.number} has been received up to {turn.end_ms} ms; a chunk that starts at "
                f"{speech.t0} ms {what} it.",
                expected_t0=turn.end_ms,
            )
        length = speech.t1 - speech.t0
        excess = turn.buffered_ms + length - self.capacity_ms
        if excess > 0:
            advice = "send it again later" if length <= self.capacity_ms else "send it in shorter messages"
            raise Problem(
                429,
                f"The buffer holds {self.capacity_ms} ms and {turn.buffered_ms} ms of it wait to be heard; "
                f"{length} ms more do not fit: {advice}.",
                headers={"Retry-After": str(ceil(excess / 1000))},
                buffered_ms=turn.buffered_ms,
                retry_after_ms=excess,
            )

    def _smooth(self, frame: Sound, spoken: int, turn: int) -> None:
        """Let what broke off before this frame, or breaks off within it, glide to silence."""
        if self._last and (self._sounding != turn or not spoken):
            glide = frame[:EDGE] + self._last * _GLIDE
            frame[:EDGE] = np.clip(glide, -32768, 32767)
        if 0 < spoken < SAMPLES_PER_TICK:
            rest = _GLIDE[: SAMPLES_PER_TICK - spoken]
            frame[spoken : spoken + len(rest)] = frame[spoken - 1] * rest
        self._last, self._sounding = int(frame[-1]), turn
