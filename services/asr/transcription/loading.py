"""Which engine transcribes, by `ASR_ENGINE`; and what stands in for a server that is away."""

import time

from services.asr.settings import AsrSettings
from services.asr.transcription.engine import EngineError, Sound, Transcriber, Words
from services.common.logs import logger

AGAIN_S = 10.0
"""How long a server that failed is left alone."""


def load_engine(settings: AsrSettings) -> Transcriber | None:
    """None: the ears are off. Raises EngineError."""
    match settings.asr_engine:
        case "off":
            return None
        case "whisper":
            return _whisper(settings)
        case "openai":
            from services.asr.transcription.openai import OpenAiTranscriber

            server = OpenAiTranscriber(
                settings.asr_openai_url, settings.asr_openai_model, settings.asr_openai_key, settings.asr_language
            )
            return StoodInFor(server, _whisper(settings))


def _whisper(settings: AsrSettings) -> Transcriber:
    from services.asr.transcription.whisper import WhisperTranscriber

    return WhisperTranscriber(settings.asr_model, settings.asr_language, settings.asr_threads)


class StoodInFor:
    """A server, and the engine on this machine that answers while it is away."""

    def __init__(self, server: Transcriber, stand_in: Transcriber) -> None:
        self.name = server.name
        self._server, self._stand_in = server, stand_in
        self._away_until = 0.0
        self._away = False

    def transcribe(self, sound: Sound, *, final: bool) -> Words:
        if time.monotonic() >= self._away_until:
            try:
                words = self._server.transcribe(sound, final=final)
            except EngineError as error:
                self._away_until = time.monotonic() + AGAIN_S
                if not self._away:
                    logger().warning(f"{self._stand_in.name} stands in for the transcription server", reason=str(error))
                self._away = True
            else:
                if self._away:
                    logger().info("the transcription server is back")
                self._away = False
                return words
        return self._stand_in.transcribe(sound, final=final)

    def close(self) -> None:
        self._server.close()
        self._stand_in.close()
