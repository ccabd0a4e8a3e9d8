"""Any server of the OpenAI protocol's `/v1/audio/transcriptions`: vLLM serves Whisper that way.

The richer form of an answer, `verbose_json`, says how sure the model is. vLLM makes it from the timestamps that the
model writes. Where those are missing the answer has no words (the model went on to its limit) or is a 500 (the model
ended at once). Such a stretch is asked for again in plain JSON.
"""

import io
import math
import wave
from typing import Any

import httpx
import numpy as np

from services.asr.audio.sound import RATE, Sound
from services.asr.transcription.engine import EngineError, Transcription

TIMEOUT_S = {True: 4.0, False: 1.5}
"""By `final`. A draft that comes late is of no use."""

CONNECT_TIMEOUT_S = 1.0

UNSURE = -1.0
"""Confidence in words that only the plain form had: enough for a sentence, too little for a "thank you" in a cough."""


class OpenAiEngine:
    """A `TranscriptionEngine` that asks a server."""

    name = "openai"

    def __init__(self, url: str, model: str, key: str, language: str) -> None:
        """`url` ends in /v1; a blank `key` sends none. Raises EngineError where `url` or `model` is blank."""
        if not url:
            raise EngineError("ASR_ENGINE=openai needs ASR_OPENAI_URL, the server's address with /v1.")
        if not model:
            raise EngineError("ASR_ENGINE=openai needs ASR_OPENAI_MODEL, the model that the server is to use.")
        self._fields = {"model": model, "language": language, "temperature": "0"}
        # Every stretch has a connection of its own: a server closes a waiting connection, or one that it failed on,
        # just when the next stretch goes out.
        self._http = httpx.Client(
            base_url=url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._plain_only = False
        self._had_words = False

    def transcribe(self, sound: Sound, *, final: bool) -> Transcription:
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

    def _transcribe(self, sound: Sound, final: bool) -> Transcription:
        if self._plain_only:
            return _read(self._ask(sound, "json", final))
        answer = self._ask(sound, "verbose_json", final)
        if answer.status_code not in (400, 500) and (rich := _read(answer)).text.strip():
            self._had_words = True
            return rich
        plain = _read(self._ask(sound, "json", final))
        if answer.status_code == 400:  # the server knows only the plain form
            self._plain_only = True
            return plain
        if answer.status_code == 500 and not plain.text.strip() and not self._had_words:
            raise EngineError("it never made words of anything; vLLM needs a Whisper that is not for English only")
        return Transcription(plain.text, UNSURE)

    def _ask(self, sound: Sound, form: str, final: bool) -> httpx.Response:
        return self._http.post(
            "audio/transcriptions",
            data=self._fields | {"response_format": form},
            files={"file": ("speech.wav", as_wav(sound), "audio/wav")},
            timeout=httpx.Timeout(TIMEOUT_S[final], connect=CONNECT_TIMEOUT_S),
        )

    def close(self) -> None:
        self._http.close()


def _read(response: httpx.Response) -> Transcription:
    return transcription_of(response.raise_for_status().json())


def transcription_of(answer: Any) -> Transcription:
    """The transcription in an answer's JSON; confidence and no-speech probability are the means over its segments.

    Raises KeyError, TypeError or AttributeError where the answer is not of the protocol.
    """
    text = str(answer["text"])
    segments = [s for s in answer.get("segments") or () if _is_number(s.get("avg_logprob"))]
    if not segments:
        return Transcription(text)
    return Transcription(
        text,
        float(np.mean([s["avg_logprob"] for s in segments])),
        float(np.mean([s.get("no_speech_prob") or 0.0 for s in segments])),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def as_wav(sound: Sound) -> bytes:
    """The bytes of a WAV file: 16-bit mono at `RATE`."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()
