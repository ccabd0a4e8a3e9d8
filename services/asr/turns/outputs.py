"""What turn detection has to say, one class each; and the transcriptions that it needs."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Started:
    """A voice has set in, `onset_ms` ago."""

    onset_ms: int


@dataclass(frozen=True, slots=True)
class Interim:
    """The words so far."""

    text: str
    backchannel: bool


@dataclass(frozen=True, slots=True)
class EagerEnd:
    """The turn is probably over: with the given probability nothing follows these words."""

    text: str
    probability: float
    backchannel: bool


@dataclass(frozen=True, slots=True)
class Resumed:
    """The voice goes on after an eager end."""


@dataclass(frozen=True, slots=True)
class Over:
    """The turn's final words. `silence_ms` since the last voice; `waited_ms` of it were spent waiting for the words."""

    text: str
    backchannel: bool
    silence_ms: int
    waited_ms: int


Reason = Literal["noise", "echo", "lost"]


@dataclass(frozen=True, slots=True)
class Dropped:
    """It was no turn."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Transcribe the sound between two times, and answer with `TurnDetector.transcribed`.

    A newer request makes this one void. `voiced_ms`: how much voice the utterance has had. `before`: the words of the
    turn that are settled and not in this sound; the classification is of the whole.
    """

    number: int
    start_ms: int
    end_ms: int
    voiced_ms: int
    final: bool
    before: str


Output = Started | Interim | EagerEnd | Resumed | Over | Dropped | Transcribe
