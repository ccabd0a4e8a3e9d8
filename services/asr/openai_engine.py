"""Any server of the OpenAI protocol's `/v1/audio/transcriptions`: vLLM serves Whisper that way."""

import io
import math
import wave
from typing import Any

import httpx
import numpy as np

from services.asr.engine import RATE, EngineError, Sound, Words

TIMEOUT_S = {True: 4.0, False: 1.5}  # by `final`: a draft that comes late is of no use
CONNECT_TIMEOUT_S = 1.0


class OpenAiTranscriber:
    name = "openai"

    def __init__(self, url: str, model: str, key: str, language: str) -> None:
        """`url` with /v1. Raises EngineError where one of them is missing."""
        if not url:
            raise EngineError("ASR_ENGINE=openai needs ASR_OPENAI_URL, the server's address with /v1.")
        if not model:
            raise EngineError("ASR_ENGINE=openai needs ASR_OPENAI_MODEL, the model that the server is to use.")
        self._fields = {"model": model, "language": language, "response_format": "verbose_json", "temperature": "0"}
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=url.rstrip("/") + "/", headers=headers)

    def transcribe(self, sound: Sound, *, final: bool) -> Words:
        try:
            response = self._http.post(
                "audio/transcriptions",
                data=self._fields,
                files={"file": ("speech.wav", as_wav(sound), "audio/wav")},
                timeout=httpx.Timeout(TIMEOUT_S[final], connect=CONNECT_TIMEOUT_S),
            )
            # A server may know no other form than plain JSON.
            if response.status_code == 400 and self._fields["response_format"] != "json":
                self._fields["response_format"] = "json"
                return self.transcribe(sound, final=final)
            response.raise_for_status()
            return words_of(response.json())
        except httpx.HTTPStatusError as error:
            raise EngineError(f"it answered {error.response.status_code}; see ASR_OPENAI_URL, _MODEL, _KEY") from None
        except httpx.HTTPError as error:
            raise EngineError(str(error) or type(error).__name__) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise EngineError("its answer is not that of /v1/audio/transcriptions") from None

    def close(self) -> None:
        self._http.close()


def words_of(answer: Any) -> Words:
    """What an answer says, with the numbers of its segments where it has some. Raises KeyError, TypeError."""
    text = str(answer["text"])
    segments = [s for s in answer.get("segments") or () if _is_number(s.get("avg_logprob"))]
    if not segments:
        return Words(text)
    return Words(
        text,
        float(np.mean([s["avg_logprob"] for s in segments])),
        float(np.mean([s.get("no_speech_prob") or 0.0 for s in segments])),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def as_wav(sound: Sound) -> bytes:
    """16-bit mono, in memory."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()
