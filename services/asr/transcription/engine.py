"""What turns sound into words. Engines fill one protocol: `whisper` (on this machine) and `openai` (a server's)."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""Samples a second of all sound in this service."""

Sound = NDArray[np.float32]
"""Mono samples at `RATE`, full scale 1."""


@dataclass(frozen=True, slots=True)
class Words:
    """What an engine makes of a stretch of sound.

    `confidence`: mean log probability of the words (0 is certain). `no_speech`: how likely it is that nobody speaks, 0
    to 1. An engine that knows neither says 0 and 0.
    """

    text: str
    confidence: float = 0.0
    no_speech: float = 0.0


class EngineError(Exception):
    """An engine cannot do its work; a sentence that says what to do."""


class Transcriber(Protocol):
    """Loads once; transcribes, from several threads at once."""

    name: str

    def transcribe(self, sound: Sound, *, final: bool) -> Words:
        """The words of at most thirty seconds of sound. `final`: as good as it gets; else as quick as it gets.

        Raises EngineError.
        """
        ...

    def close(self) -> None: ...
