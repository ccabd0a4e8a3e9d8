"""Any server of the OpenAI protocol's `/v1/audio/transcriptions`: vLLM serves Whisper that way.

The richer form of an answer, `verbose_json`, says how sure the model is. vLLM makes it from the marks of time that the
model writes, and where those are missing it has no words (the model went on to its limit) or fails with a 500 (it ended
at once). Such a stretch is asked for again in plain JSON.
"""

import io
import math
import wave
from typing import Any

import httpx
import numpy as np

from services.asr.transcription.engine import RATE, EngineError, Sound, Words

TIMEOUT_S = {True: 4.0, False: 1.5}  # by `final`: a draft that comes late is of no use
CONNECT_TIMEOUT_S = 1.0

UNSURE = -1.0
"""Confidence in words that only the plain form had: enough for a sentence, not for a "thank you" in a cough."""


class OpenAiTranscriber:
    name = "openai"

    def __init__(self, url: str, model: str, key: str, language: str) -> None:
        """`url` with /v1. Raises EngineError where one of them is missing."""
        if not url:
            raise EngineError("ASR_ENGINE=openai needs ASR_OPENAI_URL, the server's address with /v1.")
        if not model:
            raise EngineError("ASR_ENGINE=openai needs ASR_OPENAI_MODEL, the model that the server is to use.")
        self._fields = {"model": model, "language": language, "temperature": "0"}
        # Every stretch has a connection of its own: a server closes one that waits, or that it failed on, just when the
        # next stretch goes out.
        self._http = httpx.Client(
            base_url=url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._plain_only = False
        self._heard_words = False

    def transcribe(self, sound: Sound, *, final: bool) -> Words:
        try:
            return self._transcribe(sound, final)
        except httpx.HTTPStatusError as error:
            raise EngineError(
                f"it answered {error.response.status_code}; see ASR_OPENAI_URL, _MODEL, _KEY and ASR_LANGUAGE"
            ) from None
        except httpx.HTTPError as error:
            raise EngineError(str(error) or type(error).__name__) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise EngineError("its answer is not that of /v1/audio/transcriptions") from None

    def _transcribe(self, sound: Sound, final: bool) -> Words:
        if self._plain_only:
            return _words(self._ask(sound, "json", final))
        answer = self._ask(sound, "verbose_json", final)
        if answer.status_code not in (400, 500) and (words := _words(answer)).text.strip():
            self._heard_words = True
            return words
        words = _words(self._ask(sound, "json", final))
        if answer.status_code == 400:  # it knows no other form
            self._plain_only = True
            return words
        if answer.status_code == 500 and not words.text.strip() and not self._heard_words:
            raise EngineError("it never made words of anything; vLLM needs a Whisper that is not for English only")
        return Words(words.text, UNSURE)

    def _ask(self, sound: Sound, form: str, final: bool) -> httpx.Response:
        return self._http.post(
            "audio/transcriptions",
            data=self._fields | {"response_format": form},
            files={"file": ("speech.wav", as_wav(sound), "audio/wav")},
            timeout=httpx.Timeout(TIMEOUT_S[final], connect=CONNECT_TIMEOUT_S),
        )

    def close(self) -> None:
        self._http.close()


def _words(response: httpx.Response) -> Words:
    return words_of(response.raise_for_status().json())


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
