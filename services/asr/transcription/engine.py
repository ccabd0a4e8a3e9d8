"""What turns speech into text. Two engines fill one protocol: `whisper` (on this machine) and `openai` (a server's)."""

from dataclasses import dataclass
from typing import Protocol

from services.asr.audio.sound import Sound


@dataclass(frozen=True, slots=True)
class Transcription:
    """What an engine makes of a stretch of sound.

    `confidence`: mean log probability of the words (0 is certain). `no_speech`: how likely it is that nobody speaks, 0
    to 1. An engine that knows neither says 0 and 0.
    """

    text: str
    confidence: float = 0.0
    no_speech: float = 0.0


class EngineError(Exception):
    """An engine cannot do its work. Its text says why, and where somebody can do something about it, what to do."""


class TranscriptionEngine(Protocol):
    """Loads once, in its constructor; `transcribe` is called from a thread."""

    name: str

    def transcribe(self, sound: Sound, *, final: bool) -> Transcription:
        """The words of at most thirty seconds of sound.

        `final`: as well as the engine can; otherwise as fast as it can. Raises EngineError.
        """
        ...

    def close(self) -> None: ...
