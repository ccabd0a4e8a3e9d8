"""Frames into a turn detector, and transcripts for it, on the time of the sound."""

from services.asr.audio.vad import FRAME_MS
from services.asr.transcription.engine import Transcription
from services.asr.turns.classifier import Classification, classify
from services.asr.turns.detector import TurnDetector
from services.asr.turns.outputs import Output, Transcribe
from services.asr.turns.rules import Rules

RULES = Rules()
COMPLETE = "What are the opening hours?"
UNFINISHED = "I would like to"


class Talk:
    """A turn detector and whoever transcribes for it: always `text`, at once, after `takes_ms`, or never (None)."""

    def __init__(self, text: str = COMPLETE, takes_ms: int | None = 0) -> None:
        self.turns = TurnDetector(RULES)
        self.text, self.takes_ms = text, takes_ms
        self.outputs: list[Output] = []
        self.requests: list[Transcribe] = []
        self._due: list[tuple[int, Transcribe]] = []

    def hear(self, ms: int, probability: float, *, loud: bool = False, echo: bool = False) -> "Talk":
        for _ in range(ms // FRAME_MS):
            self._take(self.turns.frame(probability, loud=loud, echo=echo))
            for due in [d for d in self._due if d[0] <= self.turns.now_ms]:
                self._due.remove(due)
                self.answer(due[1])
        return self

    def voice(self, ms: int) -> "Talk":
        return self.hear(ms, 0.97)

    def silence(self, ms: int) -> "Talk":
        return self.hear(ms, 0.02)

    def answer(self, request: Transcribe, found: Classification | None = None) -> "Talk":
        found = found or classify(Transcription(self.text), 10_000, request.before)
        self._take(self.turns.transcribed(request.number, found))
        return self

    def _take(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Transcribe):
                self.requests.append(output)
                if self.takes_ms is not None:
                    self._due.append((self.turns.now_ms + self.takes_ms, output))
            else:
                self.outputs.append(output)

    def kinds(self) -> list[str]:
        return [type(output).__name__ for output in self.outputs]

    def only(self, kind: type[Output]) -> list[Output]:
        return [output for output in self.outputs if isinstance(output, kind)]
