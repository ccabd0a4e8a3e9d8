"""When a turn begins, goes on and is over. Pure: frames and readings in; what is to be said and transcribed out.

quiet ──voice──► speaking ──silence──► pausing ──silence that is long enough for the words──► quiet, turn over
                     ▲                    │  └──no words──► quiet, dismissed
                     └──────voice─────────┘
speaking, pausing ──the avatar's own words, noise without end──► ignoring ──silence──► quiet

Time is that of the sound: milliseconds of the microphone's track, one frame at a time. How long a silence ends a turn
depends on the words before it: a finished question soon, "I would like to" late.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from services.asr.audio.vad import FRAME_MS, POSSIBLE
from services.asr.turns.classifier import Reading


@dataclass(frozen=True, slots=True)
class Rules:
    """Milliseconds, and probabilities of voice."""

    pause_ms: int = 660  # of silence end a finished turn
    unfinished_pause_ms: int = 1600  # and one that promises more
    voice: float = 0.4  # a frame from here on is voice: one begins a turn, two in a row go on after a pause;
    rising: float = POSSIBLE  # a loud one may be the hiss that a word begins with: it begins a turn as well
    holding: float = 0.35  # and once somebody speaks less is enough
    sure: float = 0.9  # in a noisy room what is less, and not loud, is not the voice any more,
    trail_ms: int = 128  # but what the detector remembers of it; no longer than so
    rise_ms: int = 96  # at most before it the voice may have begun, unsurely
    doubt_ms: int = 192  # at most the end of a turn is put off by what may be the next voice
    lead_ms: int = 320  # of sound before the first voice are transcribed with it
    breath_ms: int = 96  # of silence are a pause: what was said till then is transcribed
    likely_ms: int = 192  # of silence before a turn is called likely over, or noise dismissed
    first_draft_ms: int = 256  # of voice before the first draft,
    draft_ms: int = 480  # and between two
    settled_ms: int = 8000  # of sound after which a pause settles the words before it
    longest_ms: int = 26_000  # of sound that one transcription may hold: Whisper's window is thirty seconds
    wordless_ms: int = 2500  # of voice without a word are noise
    ignored_ms: int = 320  # of silence end what is ignored


class Phase(StrEnum):
    QUIET = "quiet"
    SPEAKING = "speaking"
    PAUSING = "pausing"
    IGNORING = "ignoring"


@dataclass(frozen=True, slots=True)
class Started:
    """A voice set in, so long ago."""

    onset_ms: int


@dataclass(frozen=True, slots=True)
class Partly:
    text: str
    backchannel: bool


@dataclass(frozen=True, slots=True)
class LikelyOver:
    text: str
    probability: float
    backchannel: bool


@dataclass(frozen=True, slots=True)
class Resumed:
    pass


@dataclass(frozen=True, slots=True)
class Over:
    """`silence_ms` since the last voice; of it `waited_ms` were spent waiting for the words."""

    text: str
    backchannel: bool
    silence_ms: int
    waited_ms: int


Reason = Literal["noise", "echo", "lost"]


@dataclass(frozen=True, slots=True)
class Dropped:
    reason: Reason


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Transcribe the sound between two times; answer with `Turns.read`. A newer order makes this one void."""

    order: int
    start_ms: int
    end_ms: int
    voiced_ms: int
    final: bool
    before: str  # the turn's settled words, for the judgement of the whole


Output = Started | Partly | LikelyOver | Resumed | Over | Dropped | Transcribe


@dataclass
class _Utterance:
    began_ms: int
    ended_ms: int  # the end of the last voice so far
    window_ms: int  # where the sound begins whose words are not settled
    voiced_ms: int
    settled: list[str] = field(default_factory=list)
    draft: Reading | None = None  # the newest that was believed
    reading: Reading | None = None  # of the present pause
    shown: str = ""
    announced: bool = False
    read_ms: int = 0  # when that reading came
    cut_ms: int | None = None  # where an order without a pause ends, whose words will be settled


class Turns:
    """One microphone's. Feed it every frame, and every reading that it ordered."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.phase = Phase.QUIET
        self.now_ms = 0
        self._frames: deque[tuple[int, float]] = deque(maxlen=160)  # (end, probability): five seconds
        self._run_ms = 0  # of voice without a gap, up to now
        self._silence_ms = 0
        self._said: _Utterance | None = None
        self._heard_until_ms = 0  # sound before this belongs to an utterance that is over
        self._orders = 0
        self._open: Transcribe | None = None
        self._next_draft_ms = 0

    @property
    def waiting(self) -> bool:
        """Whether time must go on for something to be decided."""
        return self.phase is not Phase.QUIET

    @property
    def keeps_from_ms(self) -> int:
        """Sound before this is not needed any more."""
        before = self._said.window_ms if self._said else self.now_ms - self.rules.lead_ms - self.rules.rise_ms
        return min(before, self._open.start_ms) if self._open else before

    def frame(self, probability: float, *, loud: bool = False, echo: bool = False) -> list[Output]:
        """The next frame's sound has passed: how likely it is voice, whether it stands out from the room and whether
        it is the avatar's own."""
        rules = self.rules
        heard = 0.0 if echo else probability
        self.now_ms += FRAME_MS
        self._frames.append((self.now_ms, heard))
        self._run_ms = self._run_ms + FRAME_MS if heard >= rules.voice else 0
        self._silence_ms = 0 if heard >= rules.holding else self._silence_ms + FRAME_MS
        match self.phase:
            case Phase.QUIET:
                return self._start() if self._run_ms or (loud and heard >= rules.rising) else []
            case Phase.SPEAKING:
                return self._speak(heard, loud)
            case Phase.PAUSING:
                return self._resume() if self._run_ms >= 2 * FRAME_MS else self._weigh(loud and not echo)
            case Phase.IGNORING:
                if self._silence_ms >= rules.ignored_ms:
                    self.phase = Phase.QUIET
                return []

    def read(self, order: int, reading: Reading) -> list[Output]:
        """What an order's sound says. `reading.text` is that of its own stretch; its judgement is of the whole turn."""
        if self._open is None or self._open.order != order or self._said is None:
            return []
        done, self._open = self._open, None
        said = self._said
        if reading.echo:
            return self._drop("echo")
        if said.cut_ms is not None:
            self._settle(reading, said.cut_ms)
            said.cut_ms = None
            return self._show(Reading())
        if done.final:
            # Words that were understood while they were said do not become noise by what follows.
            said.reading, said.read_ms = (said.draft or reading) if reading.noise else reading, self.now_ms
            return self._weigh(False)
        if reading.noise and said.voiced_ms >= self.rules.wordless_ms and not said.settled and not said.shown:
            return self._drop("noise")
        return self._show(reading)

    def lost(self) -> list[Output]:
        """The microphone is gone. A turn whose words are known is over."""
        said = self._said
        if said is None:
            self.phase = Phase.QUIET
            return []
        if said.reading and self._whole(said.reading):
            return self._end(said, said.reading, 0)
        outputs = self._drop("lost")
        self.phase = Phase.QUIET
        return outputs

    def _start(self) -> list[Output]:
        began = self.now_ms - FRAME_MS
        for end, probability in list(self._frames)[-2 : -2 - self.rules.rise_ms // FRAME_MS : -1]:
            if probability < self.rules.voice / 2:
                break
            began = end - FRAME_MS
        window = max(began - self.rules.lead_ms, self._heard_until_ms, 0)
        self._said = _Utterance(began, self.now_ms, window, self.now_ms - began)
        self.phase = Phase.SPEAKING
        self._next_draft_ms = began + self.rules.first_draft_ms
        return [Started(self.now_ms - began)]

    def _speak(self, probability: float, loud: bool) -> list[Output]:
        said, rules = self._utterance(), self.rules
        voiced = probability >= rules.holding
        if voiced:
            said.voiced_ms += FRAME_MS
            if loud or probability >= rules.sure or self.now_ms - said.ended_ms > rules.trail_ms:
                said.ended_ms = self.now_ms
        if not voiced and self.now_ms - said.ended_ms >= rules.breath_ms and said.cut_ms is None:
            self.phase = Phase.PAUSING
            said.reading = None
            return [self._order(self.now_ms, final=True)]
        if self._open is None and self.now_ms - said.window_ms >= rules.longest_ms:
            said.cut_ms = min(self._frames, key=lambda frame: frame[1])[0]
            return [self._order(said.cut_ms, final=True)]
        if self._open is None and self.now_ms >= self._next_draft_ms:
            self._next_draft_ms = self.now_ms + rules.draft_ms
            return [self._order(self.now_ms, final=False)]
        return []

    def _resume(self) -> list[Output]:
        """The voice goes on: the turn was not over."""
        said = self._utterance()
        outputs: list[Output] = [Resumed()] if said.announced else []
        if said.reading and self.now_ms - said.window_ms >= self.rules.settled_ms:
            self._settle(said.reading, max(said.ended_ms, self.now_ms - self._run_ms - self.rules.lead_ms))
        self._open = None
        said.reading, said.announced, said.ended_ms = None, False, self.now_ms
        said.voiced_ms += self._run_ms
        self.phase = Phase.SPEAKING
        self._next_draft_ms = self.now_ms + self.rules.draft_ms
        return outputs

    def _weigh(self, loud: bool) -> list[Output]:
        """In a pause: is it the end? What may be the next word's first sound puts it off, for three frames at most."""
        if self.phase is not Phase.PAUSING:
            return []
        said, rules = self._utterance(), self.rules
        silence = self.now_ms - said.ended_ms
        if said.reading is None:
            return []
        text = self._whole(said.reading)
        if not text:
            return self._drop("noise") if silence >= rules.likely_ms else []
        wait = rules.pause_ms + (1 - said.reading.finished) * (rules.unfinished_pause_ms - rules.pause_ms)
        outputs: list[Output] = []
        if silence >= max(rules.likely_ms, wait - rules.pause_ms) and not said.announced:
            said.announced = True
            outputs.append(LikelyOver(text, round(said.reading.finished, 2), said.reading.backchannel))
        rises = loud or self._frames[-1][1] >= rules.voice / 2
        if silence >= wait + (rules.doubt_ms if rises else 0):
            outputs += self._end(said, said.reading, max(0, round(said.read_ms - said.ended_ms - wait)))
        return outputs

    def _end(self, said: _Utterance, reading: Reading, waited_ms: int) -> list[Output]:
        self._close(Phase.QUIET)
        silence_ms = self.now_ms - said.ended_ms
        return [Over(self._joined(said, reading), reading.backchannel, silence_ms, waited_ms)]

    def _drop(self, reason: Reason) -> list[Output]:
        self._close(Phase.QUIET if self.phase is Phase.PAUSING else Phase.IGNORING)
        return [Dropped(reason)]

    def _close(self, phase: Phase) -> None:
        self.phase = phase
        self._said = self._open = None
        self._heard_until_ms = self.now_ms - FRAME_MS * 3

    def _show(self, reading: Reading) -> list[Output]:
        said = self._utterance()
        text = self._joined(said, reading)
        if self.phase is not Phase.SPEAKING or not text or text == said.shown:
            return []
        said.shown = text
        if reading.text and not reading.backchannel and not reading.doubtful:
            said.draft = reading
        # What is doubtful may still turn out to be an "mm-hm": it interrupts nobody yet.
        return [Partly(text, (reading.backchannel or reading.doubtful) and not said.settled)]

    def _settle(self, reading: Reading, until_ms: int) -> None:
        """These words stay; what comes is transcribed without them."""
        said = self._utterance()
        if reading.text:
            said.settled.append(reading.text)
        said.window_ms, said.draft = until_ms, None

    def _order(self, end_ms: int, *, final: bool) -> Transcribe:
        said = self._utterance()
        self._orders += 1
        self._open = Transcribe(self._orders, said.window_ms, end_ms, said.voiced_ms, final, " ".join(said.settled))
        return self._open

    def _whole(self, reading: Reading) -> str:
        return self._joined(self._utterance(), reading)

    @staticmethod
    def _joined(said: _Utterance, reading: Reading) -> str:
        return " ".join([*said.settled, reading.text]).strip()

    def _utterance(self) -> _Utterance:
        assert self._said is not None, "nobody speaks"
        return self._said
