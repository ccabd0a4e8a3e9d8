"""Which engine transcribes, by `ASR_ENGINE`."""

from services.asr.settings import AsrSettings
from services.asr.transcription.engine import TranscriptionEngine


def load_engine(settings: AsrSettings) -> TranscriptionEngine | None:
    """The engine, with its model loaded; None where `ASR_ENGINE` is off. Takes seconds. Raises EngineError."""
    match settings.asr_engine:
        case "off":
            return None
        case "whisper":
            return _whisper(settings)
        case "openai":
            from services.asr.transcription.fallback import FallbackEngine
            from services.asr.transcription.openai import OpenAiEngine

            server = OpenAiEngine(
                settings.asr_openai_url, settings.asr_openai_model, settings.asr_openai_key, settings.asr_language
            )
            return FallbackEngine(server, _whisper(settings))


def _whisper(settings: AsrSettings) -> TranscriptionEngine:
    from services.asr.transcription.whisper import WhisperEngine

    return WhisperEngine(settings.asr_model, settings.asr_language, settings.asr_threads)
