"""What a session is about to say: speech messages in, 20 ms of sound out.

Pure: no I/O, no time of its own; a call of `tick` is 20 ms. Holds at most one turn and at most `capacity_ms` of it, so
that dropping the turn drops everything that has not been heard.
"""

from math import ceil

import numpy as np

from services.common.errors import Problem
from services.common.speech import Speech
from services.renderer.engine import Sound
from services.renderer.media.clock import SAMPLE_RATE, SAMPLES_PER_TICK
from services.renderer.speech.playback import Position, Receipt, Tick, WordStarted
from services.renderer.speech.spoken_turn import SAMPLES_PER_MS, SpokenTurn, fall

PLAYING_TICKS = 5
"""A turn's position is reported after this many 20 ms frames of it."""

HOLD_TICKS = 100
"""Speech is held back for pictures this long at most, 2 s; then it is heard without."""

EDGE = 5 * SAMPLES_PER_MS
"""Where sound is cut, the last value glides to zero over this many samples instead of clicking."""

_GLIDE = fall(EDGE)


class StreamingBuffer:
    """One session's speech. Turns only grow: a newer one replaces the one that sounds, older ones are dropped."""

    def __init__(self, capacity_ms: int) -> None:
        self.capacity_ms = capacity_ms
        self.heard_turn = 0  # newest turn of which something was heard
        self._cancelled = 0
        self._paused = 0  # turns up to this one stand still
        self._turn = SpokenTurn(0, SAMPLE_RATE, over=True)
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

    def accept(self, speech: Speech) -> Receipt:
        """WindowJob a message. A cancelled or older turn's is dropped.

        Raises `Problem`: 409 if it does not follow what came before, 429 if it would run more than `capacity_ms` ahead
        of what is heard. Then nothing of it is kept.
        """
        newest = max(self._turn.number, self._cancelled)
        number = speech.turn if speech.turn is not None else newest + 1
        if number <= self._cancelled or number < self._turn.number:
            return Receipt(number, np.zeros(0, np.int16), dropped=True, replaced=None)
        turn = self._turn if number == self._turn.number else SpokenTurn(number, speech.sr)
        self._check(turn, speech)
        replaced = None
        if turn is not self._turn:
            if self.speaking:
                replaced = self._turn.number
                self._turn.drop()
            self._turn, self._ticks = turn, 0
        pcm = turn.append(speech, final=speech.final or speech.turn is None)
        return Receipt(number, pcm, dropped=False, replaced=replaced)

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

    @property
    def begins_at(self) -> int | None:
        """Where in its turn speech would begin, or go on after silence, with the next tick, ms; else None."""
        turn = self._turn
        begins = turn.stands and not turn.over and not turn.empty and not self._paused_is(turn)
        return turn.heard_ms if begins else None

    def tick(self, *, hold: bool = False) -> Tick:
        """The next 20 ms. `hold`: speech that would begin waits, for HOLD_TICKS at most."""
        turn = self._turn
        frame = np.zeros(SAMPLES_PER_TICK, np.int16)
        happened: list[Position | WordStarted] = []
        ran_dry = False
        spoken = 0
        if not turn.over:
            begins = turn.played == 0
            paused = self._paused_is(turn)
            turn.held = turn.held + 1 if hold and self.begins_at is not None else 0
            waits = 0 < turn.held <= HOLD_TICKS
            if paused:
                spoken = turn.fade_into(frame)
            elif not waits:
                spoken = turn.read_into(frame)
            if spoken and begins:
                self.heard_turn = turn.number
                happened.append(Position(turn.number, 0, "started"))
            happened += [WordStarted(turn.number, word) for word in turn.words_reached()]
            self._ticks += spoken > 0
            if turn.exhausted:
                happened.append(Position(turn.number, turn.end_ms, "finished"))
                turn.over = True
            elif spoken and not begins and self._ticks % PLAYING_TICKS == 0:
                happened.append(Position(turn.number, turn.heard_ms, "playing"))
            if turn.played and not turn.over and not paused and not waits:
                ran_dry = spoken < SAMPLES_PER_TICK and not turn.dry
                resumes = turn.dry and spoken > 0
                turn.dry = spoken < SAMPLES_PER_TICK
                if resumes:
                    frame[:EDGE] = frame[:EDGE] * (1 - _GLIDE)
        self._smooth(frame, spoken, turn.number)
        return Tick(frame, spoken, tuple(happened), ran_dry)

    def at(self, ahead: int) -> tuple[int, float | None]:
        """(turn, ms into its speech) that sounds `ahead` samples after the start of the next tick.

        The ms are None where nothing sounds; the turn is then the newest that was heard.
        """
        if self._paused_is(self._turn) or not self._turn.sounds_at(ahead):
            return self.heard_turn, None
        return self._turn.number, (self._turn.played + ahead) / SAMPLES_PER_MS

    def _paused_is(self, turn: SpokenTurn) -> bool:
        return turn.number <= self._paused

    def _check(self, turn: SpokenTurn, speech: Speech) -> None:
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
