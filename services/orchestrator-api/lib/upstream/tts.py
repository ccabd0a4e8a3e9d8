"""tts, as the orchestrator sees it."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from pydantic import BaseModel, TypeAdapter

from services.common.speech import Speech
from services.orchestrator_api.lib.upstream.http import Service

SOUND_S = 15.0


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that was asked for, with the token of its owner where it is a cloned one."""

    name: str
    token: str | None = field(default=None, repr=False)


class _Utterance(BaseModel):
    session: str
    turn: int
    text: str
    voice: str | None
    voice_token: str | None


class _Voice(BaseModel):
    name: str


_SPEECH = TypeAdapter(Speech)
_VOICES = TypeAdapter(list[_Voice])


class Tts(Service):
    """tts: text in; sound, mouth shapes and word times out."""

    def __init__(self, address: str) -> None:
        super().__init__("tts", address, timeout_s=SOUND_S)

    async def speak(self, session: str, turn: int, text: str, voice: Voice | None) -> AsyncGenerator[Speech]:
        """One clause's speech, its times from 0. Closing the iterator stops the synthesis."""
        name, token = (voice.name, voice.token) if voice else (None, None)
        body = _Utterance(session=session, turn=turn, text=text, voice=name, voice_token=token)
        async with self.stream("POST", "/v1/speak", body=body) as answer:
            async for line in answer.aiter_lines():
                if line.strip():
                    yield self.parsed(_SPEECH, line)

    async def voices(self, token: str | None) -> list[str]:
        """The voices there are, with the cloned one that the token opens."""
        answer = await self.call("GET", "/v1/voices", token=token)
        return [voice.name for voice in self.parsed(_VOICES, answer.content)]
