"""Cloned voices on disk: a folder each under VOICES_DIR, with who consented to what, and the hash of its token."""

import hashlib
import hmac
import re
import secrets
import shutil
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from services.common.errors import Problem
from services.common.logs import logger

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
RECORDING = "recording.flac"
_ENGINES_OWN = ("espeak-", "xtts-")  # how the names of the engines' own voices begin, whichever engine runs
_ABOUT = "voice.json"


class Consent(BaseModel):
    """What the person whose voice it is agreed to, when, and to which recording (SHA-256 of the file that was sent)."""

    statement: str
    date: datetime
    audio_sha256: str


class Clone(BaseModel):
    """A cloned voice. Whoever knows the token, of which only the hash is kept, may use and delete it."""

    name: str
    language: str
    seconds: float
    consent: Consent
    token_sha256: str


class CloneStore:
    """The folder of cloned voices. A voice is there whole or not at all, whatever dies while it is added or removed."""

    def __init__(self, folder: Path, reserved: Collection[str]) -> None:
        """`reserved`: the names of voices that are not cloned."""
        self._folder, self._reserved = folder, reserved
        self._clones: dict[str, Clone] = {}
        for left in (*folder.glob(".new-*"), *folder.glob(".gone-*")):
            shutil.rmtree(left, ignore_errors=True)
        for about in sorted(folder.glob(f"*/{_ABOUT}")):
            try:
                clone = Clone.model_validate_json(about.read_text("utf-8"))
            except (OSError, ValidationError, UnicodeDecodeError) as error:
                logger().warning("a voice that cannot be read is left out", folder=str(about.parent), reason=str(error))
                continue
            self._clones[about.parent.name] = clone

    def __contains__(self, name: str) -> bool:
        return name in self._clones

    def all(self) -> list[Clone]:
        """Every cloned voice, by name."""
        return list(self._clones.values())

    def folder(self, name: str) -> Path:
        """Where the voice is kept, with what engines derive from it."""
        return self._folder / name

    def get(self, name: str, token: str | None) -> Clone:
        """The voice, for whoever has its token. Raises `Problem` 404 for an unknown name, 401 without a token,
        403 with a token that is not this voice's."""
        clone = self._clones.get(name)
        if clone is None:
            raise Problem(404, f"There is no cloned voice {name!r}.")
        if token is None:
            raise Problem(
                401,
                f"The voice {name!r} belongs to whoever made it; send its voice_token.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if not self.opens(clone, token):
            raise Problem(403, f"This voice_token is not that of the voice {name!r}.")
        return clone

    def opens(self, clone: Clone, token: str | None) -> bool:
        """Whether it is this voice's token."""
        return token is not None and hmac.compare_digest(clone.token_sha256, _hash(token.encode()))

    def check_name(self, name: str) -> None:
        """Raises `Problem` 422 for a name with other characters or too many, 409 for a name that is taken."""
        if not NAME.fullmatch(name):
            raise Problem(
                422,
                f"name: {name[:60]!r} is no voice's name; take up to 48 of a-z, 0-9, _ and -, a letter or digit first.",
                field="name",
            )
        if name in self._clones or name in self._reserved or name.startswith(_ENGINES_OWN):
            raise Problem(409, f"There is a voice {name!r} already; take another name, or delete that one first.")

    def add(self, name: str, *, sent: bytes, flac: bytes, seconds: float, language: str, statement: str) -> str:
        """Keep a voice. Returns its token, of which only the hash is kept.

        `sent`: the file as it came, `flac`: the recording as it is kept. Raises `Problem` 422 and 409 as `check_name`
        does, 507 where the voice cannot be written.
        """
        self.check_name(name)
        token = secrets.token_urlsafe(32)
        clone = Clone(
            name=name,
            language=language,
            seconds=round(seconds, 2),
            consent=Consent(statement=statement, date=datetime.now(UTC), audio_sha256=_hash(sent)),
            token_sha256=_hash(token.encode()),
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self._folder / f".new-{secrets.token_hex(8)}"
        new.mkdir(mode=0o700)
        try:
            (new / RECORDING).write_bytes(flac)
            (new / _ABOUT).write_text(clone.model_dump_json(indent=2), "utf-8")
            new.rename(self._folder / name)
        except OSError as error:
            shutil.rmtree(new, ignore_errors=True)
            if (self._folder / name).exists():
                raise Problem(409, f"There is a voice {name!r} already; take another name.") from error
            raise Problem(507, f"The voice could not be kept ({error.strerror}); check VOICES_DIR.") from error
        self._clones[name] = clone
        return token

    def remove(self, name: str) -> None:
        """Forget a voice: its recording, its consent and everything derived from it."""
        del self._clones[name]
        gone = self._folder / f".gone-{secrets.token_hex(8)}"
        (self._folder / name).rename(gone)
        shutil.rmtree(gone)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
