"""When a turn begins, goes on and is over: turn detection. Pure: frames and transcripts in, outputs out.

quiet ──voice──► speaking ──silence──► pausing ──silence that is long enough for the words──► quiet, turn over
                     ▲                    │  └──no words──► quiet, dropped
                     └──────voice─────────┘
speaking, pausing ──the avatar's own words, noise without end──► ignoring ──silence──► quiet

Time is that of the sound: milliseconds of the microphone's track, one frame at a time. How long a silence ends a turn
depends on the words before it: a complete question ends soon, "I would like to" late.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from services.asr.audio.vad import FRAME_MS
from services.asr.turns.classifier import Classification
from services.asr.turns.outputs import (
    Dropped,
    EagerEnd,
    Interim,
    Output,
    Over,
    Reason,
    Resumed,
    Started,
    Transcribe,
)
from services.asr.turns.rules import Rules


class Phase(StrEnum):
    """Where the state machine stands; the module's picture shows the ways between them."""

    QUIET = "quiet"
    SPEAKING = "speaking"
    PAUSING = "pausing"
    IGNORING = "ignoring"


@dataclass
class _Utterance:
    ended_ms: int  # the end of the last voice so far
    window_ms: int  # where the sound begins whose words are not settled
    voiced_ms: int
    settled: list[str] = field(default_factory=list)
    draft: Classification | None = None  # the newest one that was believed
    last: Classification | None = None  # of the words before the present pause
    last_at_ms: int = 0  # when `last` came
    shown: str = ""  # the text of the last interim
    announced: bool = False  # whether the eager end of the present pause was told
    cut_ms: int | None = None  # the end of a transcription without a pause, whose words will be settled


class TurnDetector:
    """One microphone's. Give it every frame, and the classification of every stretch that it wants transcribed."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.phase = Phase.QUIET
        self.now_ms = 0
        self._frames: deque[tuple[int, float]] = deque(maxlen=160)  # (end, probability): five seconds
        self._run_ms = 0  # of voice without a gap, up to now
        self._silence_ms = 0
        self._current: _Utterance | None = None
        self._heard_until_ms = 0  # sound before this belongs to an utterance that is over
        self._requests = 0
        self._open: Transcribe | None = None  # the request whose transcript has not come
        self._next_draft_ms = 0

    @property
    def waiting(self) -> bool:
        """Whether more sound, or silence, is needed to decide something."""
        return self.phase is not Phase.QUIET

    @property
    def keeps_from_ms(self) -> int:
        """Sound before this is not needed any more."""
        current = self._current
        before = current.window_ms if current else self.now_ms - self.rules.lead_ms - self.rules.rise_ms
        return min(before, self._open.start_ms) if self._open else before

    def frame(self, probability: float, *, loud: bool = False, echo: bool = False) -> list[Output]:
        """The sound of the next frame (`FRAME_MS`) has passed.

        `probability`: how likely it is voice, 0 to 1. `loud`: it stands out from the room. `echo`: it is the avatar's
        own voice.
        """
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
                return self._resume() if self._run_ms >= 2 * FRAME_MS else self._wait(loud and not echo)
            case Phase.IGNORING:
                if self._silence_ms >= rules.ignored_ms:
                    self.phase = Phase.QUIET
                return []

    def transcribed(self, number: int, found: Classification) -> list[Output]:
        """The answer to the request with this number; void if a newer one was made.

        `found.text` is the text of the request's own stretch, the rest is about the whole turn.
        """
        if self._open is None or self._open.number != number or self._current is None:
            return []
        request, self._open = self._open, None
        current = self._current
        if found.echo:
            return self._drop("echo")
        if current.cut_ms is not None:
            self._settle(found, current.cut_ms)
            current.cut_ms = None
            return self._show(Classification())
        if request.final:
            # Words that were understood while they were said do not become noise by what follows.
            current.last, current.last_at_ms = (current.draft or found) if found.noise else found, self.now_ms
            return self._wait(False)
        if found.noise and current.voiced_ms >= self.rules.wordless_ms and not current.settled and not current.shown:
            return self._drop("noise")
        return self._show(found)

    def lost(self) -> list[Output]:
        """The microphone is gone. A turn whose words are known is over; any other is dropped."""
        current = self._current
        if current is None:
            self.phase = Phase.QUIET
            return []
        if current.last and self._whole(current.last):
            return self._end(current, current.last, 0)
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
        self._current = _Utterance(self.now_ms, window, self.now_ms - began)
        self.phase = Phase.SPEAKING
        self._next_draft_ms = began + self.rules.first_draft_ms
        return [Started(self.now_ms - began)]

    def _speak(self, probability: float, loud: bool) -> list[Output]:
        current, rules = self._utterance(), self.rules
        voiced = probability >= rules.holding
        if voiced:
            current.voiced_ms += FRAME_MS
            if loud or probability >= rules.sure or self.now_ms - current.ended_ms > rules.trail_ms:
                current.ended_ms = self.now_ms
        if not voiced and self.now_ms - current.ended_ms >= rules.breath_ms and current.cut_ms is None:
            self.phase = Phase.PAUSING
            current.last = None
            return [self._request(self.now_ms, final=True)]
        if self._open is None and self.now_ms - current.window_ms >= rules.longest_ms:
            current.cut_ms = min(self._frames, key=lambda frame: frame[1])[0]
            return [self._request(current.cut_ms, final=True)]
        if self._open is None and self.now_ms >= self._next_draft_ms:
            self._next_draft_ms = self.now_ms + rules.draft_ms
            return [self._request(self.now_ms, final=False)]
        return []

    def _resume(self) -> list[Output]:
        """The voice goes on: the turn was not over."""
        current = self._utterance()
        outputs: list[Output] = [Resumed()] if current.announced else []
        if current.last and self.now_ms - current.window_ms >= self.rules.settled_ms:
            self._settle(current.last, max(current.ended_ms, self.now_ms - self._run_ms - self.rules.lead_ms))
        self._open = None
        current.last, current.announced, current.ended_ms = None, False, self.now_ms
        current.voiced_ms += self._run_ms
        self.phase = Phase.SPEAKING
        self._next_draft_ms = self.now_ms + self.rules.draft_ms
        return outputs

    def _wait(self, loud: bool) -> list[Output]:
        """In a pause: decide whether it is long enough. Sound that may become a voice puts the end off for a while."""
        if self.phase is not Phase.PAUSING:
            return []
        current, rules = self._utterance(), self.rules
        silence = self.now_ms - current.ended_ms
        if current.last is None:
            return []
        text = self._whole(current.last)
        if not text:
            return self._drop("noise") if silence >= rules.eager_ms else []
        pause = rules.pause_ms + (1 - current.last.end_of_turn) * (rules.unfinished_pause_ms - rules.pause_ms)
        outputs: list[Output] = []
        if silence >= max(rules.eager_ms, pause - rules.pause_ms) and not current.announced:
            current.announced = True
            outputs.append(EagerEnd(text, round(current.last.end_of_turn, 2), current.last.backchannel))
        rises = loud or self._frames[-1][1] >= rules.voice / 2
        if silence >= pause + (rules.doubt_ms if rises else 0):
            outputs += self._end(current, current.last, max(0, round(current.last_at_ms - current.ended_ms - pause)))
        return outputs

    def _end(self, current: _Utterance, last: Classification, waited_ms: int) -> list[Output]:
        self._close(Phase.QUIET)
        silence_ms = self.now_ms - current.ended_ms
        return [Over(_joined(current, last), last.backchannel, silence_ms, waited_ms)]

    def _drop(self, reason: Reason) -> list[Output]:
        self._close(Phase.QUIET if self.phase is Phase.PAUSING else Phase.IGNORING)
        return [Dropped(reason)]

    def _close(self, phase: Phase) -> None:
        self.phase = phase
        self._current = self._open = None
        self._heard_until_ms = self.now_ms - FRAME_MS * 3

    def _show(self, found: Classification) -> list[Output]:
        current = self._utterance()
        text = _joined(current, found)
        if self.phase is not Phase.SPEAKING or not text or text == current.shown:
            return []
        current.shown = text
        if found.text and not found.backchannel and not found.doubtful:
            current.draft = found
        # Doubtful words may still turn out to be an "mm-hm": they interrupt nobody yet.
        return [Interim(text, (found.backchannel or found.doubtful) and not current.settled)]

    def _settle(self, found: Classification, until_ms: int) -> None:
        """These words are final; the sound up to this time is not transcribed again."""
        current = self._utterance()
        if found.text:
            current.settled.append(found.text)
        current.window_ms, current.draft = until_ms, None

    def _request(self, end_ms: int, *, final: bool) -> Transcribe:
        current = self._utterance()
        self._requests += 1
        before = " ".join(current.settled)
        self._open = Transcribe(self._requests, current.window_ms, end_ms, current.voiced_ms, final, before)
        return self._open

    def _whole(self, found: Classification) -> str:
        return _joined(self._utterance(), found)

    def _utterance(self) -> _Utterance:
        assert self._current is not None, "nobody speaks"
        return self._current


def _joined(utterance: _Utterance, found: Classification) -> str:
    """The settled words, then these."""
    return " ".join([*utterance.settled, found.text]).strip()
