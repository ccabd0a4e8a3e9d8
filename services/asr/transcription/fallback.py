"""An engine that another one stands in for while it fails."""

import time

from services.asr.audio.sound import Sound
from services.asr.transcription.engine import EngineError, Transcription, TranscriptionEngine
from services.common.logs import logger

REST_S = 10.0
"""So long after a failure the primary engine is not asked."""


class FallbackEngine:
    """Asks the primary engine, and the fallback where that fails and for `REST_S` afterwards."""

    def __init__(self, primary: TranscriptionEngine, fallback: TranscriptionEngine) -> None:
        self.name = primary.name
        self._primary, self._fallback = primary, fallback
        self._rests_until = 0.0
        self._failing = False

    def transcribe(self, sound: Sound, *, final: bool) -> Transcription:
        """As `TranscriptionEngine.transcribe`. Raises EngineError only where the fallback does."""
        if time.monotonic() >= self._rests_until:
            try:
                transcription = self._primary.transcribe(sound, final=final)
            except EngineError as error:
                self._rests_until = time.monotonic() + REST_S
                if not self._failing:
                    logger().warning(f"{self._fallback.name} stands in for the transcription server", reason=str(error))
                self._failing = True
            else:
                if self._failing:
                    logger().info("the transcription server is back")
                self._failing = False
                return transcription
        return self._fallback.transcribe(sound, final=final)

    def close(self) -> None:
        self._primary.close()
        self._fallback.close()
