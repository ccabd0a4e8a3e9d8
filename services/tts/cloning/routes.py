"""`/v1/voices`: what there is to speak with, and cloning: a recording and its owner's consent make a voice."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Header, UploadFile
from pydantic import Field

from services.common.complaints import Spelled
from services.common.errors import Problem
from services.tts.cloning.cloning import Cloned, CloneInfo, Cloning, VoiceInfo

MAX_UPLOAD = 20 * 1024 * 1024
"""Bytes of a request: half a minute of WAV at 96 kHz, 24 bit, stereo fits."""

Language = Annotated[
    str,
    Field(max_length=35),
    Spelled("[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", "the tag of a language, such as en or en-us"),
]


def bearer(authorization: Annotated[str | None, Header()] = None) -> str | None:
    """The token of `Authorization: Bearer`; None without that header."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


BearerToken = Annotated[str | None, Depends(bearer)]


def routes(cloning: Cloning) -> APIRouter:
    """The routes below `/v1/voices`."""
    router = APIRouter(prefix="/v1/voices", tags=["voices"])

    @router.get("")
    async def voices(token: BearerToken) -> list[VoiceInfo]:
        """Every voice that `speak` accepts, the engine's own first. A cloned voice is listed only with its token."""
        return cloning.listed(token)

    @router.post("/{name}", status_code=201)
    async def clone(
        name: str,
        audio: Annotated[UploadFile, File(description="6 to 30 s of one person's speech: WAV, FLAC, MP3, Ogg Opus")],
        consent: Annotated[str, Form(description="true: the person whose voice it is agrees")],
        statement: Annotated[str, Form(description="what they agreed to, in words", max_length=2000)],
        language: Annotated[Language, Form()] = "en",
    ) -> Cloned:
        """Make a voice. Recording, statement, date and a hash are kept; the `voice_token` is told this once."""
        if consent.strip().lower() != "true":
            raise Problem(
                422, "consent: a voice is cloned only with its owner's consent; send consent=true.", field="consent"
            )
        if len(statement.strip()) < 10:
            raise Problem(422, "statement: say in a sentence what the owner of the voice agreed to.", field="statement")
        sent = await audio.read()
        # Reading, checking and learning take a second: nobody else waits for that.
        return await asyncio.to_thread(cloning.add, name, sent, language.lower(), statement.strip())

    @router.get("/{name}")
    async def about(name: str, token: BearerToken) -> CloneInfo:
        """A cloned voice and what was consented to; for whoever has its token."""
        return cloning.shown(cloning.clones.get(name, token))

    @router.delete("/{name}", status_code=204)
    async def delete(name: str, token: BearerToken) -> None:
        """Remove a cloned voice with everything derived from it."""
        cloning.clones.get(name, token)
        await asyncio.to_thread(cloning.remove, name)

    return router
