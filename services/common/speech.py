"""The speech message: how sound, mouth shapes and words travel from tts through the orchestrator to the renderer.

Times are integer milliseconds from the start of the turn. PCM is signed 16-bit little-endian mono.
"""

import base64
import binascii
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from services.common.complaints import Spelled

Viseme = Literal["SIL", "PP", "FF", "TH", "DD", "KK", "CH", "SS", "NN", "RR", "AA", "EH", "IH", "OH", "OU"]
VISEMES: tuple[Viseme, ...] = get_args(Viseme)
"""The fifteen mouth shapes of the Oculus lip-sync set, in its order."""

CHUNK_MS = (160, 320)
"""Shortest and longest chunk of sound, ms; only the last one of a turn may be shorter."""

SessionId = Annotated[str, Spelled("[A-Za-z0-9_-]{1,64}", "1 to 64 of the characters A-Z, a-z, 0-9, _ and -")]
JoinToken = Annotated[str, Field(max_length=4096), Spelled("[!-~]+", "printable ASCII without spaces, and not empty")]
Ms = Annotated[int, Field(ge=0, le=3_600_000)]


class Chunk(BaseModel):
    """`t1 - t0` milliseconds of sound, base64-encoded."""

    model_config = ConfigDict(frozen=True)

    t0: Ms
    t1: Ms
    pcm_b64: str

    @field_validator("pcm_b64")
    @classmethod
    def _is_base64_of_samples(cls, value: str) -> str:
        try:
            size = len(base64.b64decode(value, validate=True))
        except (binascii.Error, ValueError):
            raise ValueError("it is not base64") from None
        if size % 2:
            raise ValueError(f"its {size} bytes are not a whole number of 16-bit samples")
        return value

    def pcm(self) -> bytes:
        """The sound: int16 little-endian mono."""
        return base64.b64decode(self.pcm_b64)


class VisemeAt(BaseModel):
    """From `t` on the mouth has the shape `v`, until the next one."""

    model_config = ConfigDict(frozen=True)

    t: Ms
    v: Viseme


class Word(BaseModel):
    """`text` sounds from `t0` to `t1`."""

    model_config = ConfigDict(frozen=True)

    t0: Ms
    t1: Ms
    text: str = Field(min_length=1, max_length=200)


class Speech(BaseModel):
    """A stretch of one turn's speech. Messages of a turn follow each other without a gap; the last one is `final`.

    Without a `turn` it is the whole speech of a new turn. `sr`: samples a second.
    """

    session: SessionId
    turn: Annotated[int, Field(ge=1)] | None = None
    sr: Annotated[int, Field(ge=8000, le=48000)]
    chunks: list[Chunk] = Field(max_length=500)
    visemes: list[VisemeAt] = Field(default=[], max_length=5000)
    words: list[Word] = Field(default=[], max_length=2000)
    final: bool = False

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for chunk in self.chunks:
            want = round((chunk.t1 - chunk.t0) * self.sr / 1000)
            have = len(chunk.pcm()) // 2
            if chunk.t1 <= chunk.t0:
                raise ValueError(f"chunks: t1 {chunk.t1} is not after t0 {chunk.t0}")
            if chunk.t1 - chunk.t0 > CHUNK_MS[1]:
                raise ValueError(f"chunks: {chunk.t1 - chunk.t0} ms is longer than {CHUNK_MS[1]} ms")
            if abs(have - want) > 1:
                raise ValueError(f"chunks: {have} samples between {chunk.t0} and {chunk.t1} ms, {want} expected")
        for before, after in zip(self.chunks, self.chunks[1:], strict=False):
            if after.t0 != before.t1:
                raise ValueError(f"chunks: one ends at {before.t1} ms and the next starts at {after.t0} ms")
        for earlier, later in zip(self.visemes, self.visemes[1:], strict=False):
            if later.t < earlier.t:
                raise ValueError(f"visemes: {later.t} ms comes after {earlier.t} ms")
        for word, next_word in zip(self.words, self.words[1:], strict=False):
            if next_word.t0 < word.t0:
                raise ValueError(f"words: {next_word.t0} ms comes after {word.t0} ms")
        return self

    @property
    def t0(self) -> int:
        """Start of the first chunk, ms; 0 without chunks."""
        return self.chunks[0].t0 if self.chunks else 0

    @property
    def t1(self) -> int:
        """End of the last chunk, ms; 0 without chunks."""
        return self.chunks[-1].t1 if self.chunks else 0

    def shifted(self, ms: int, *, final: bool) -> "Speech":
        """A copy that sounds `ms` later in the turn: it makes the speech of one clause follow that of another."""
        return self.model_copy(
            update={
                "chunks": [c.model_copy(update={"t0": c.t0 + ms, "t1": c.t1 + ms}) for c in self.chunks],
                "visemes": [v.model_copy(update={"t": v.t + ms}) for v in self.visemes],
                "words": [w.model_copy(update={"t0": w.t0 + ms, "t1": w.t1 + ms}) for w in self.words],
                "final": final,
            }
        )
