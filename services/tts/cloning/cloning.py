"""Making, listing and removing cloned voices, and who may speak in them."""

from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from services.common.errors import Problem
from services.common.logs import logger
from services.tts.catalog import Catalog, bundled
from services.tts.cloning.recordings import check, read
from services.tts.cloning.store import RECORDING, Clone, CloneStore
from services.tts.engine import SynthesisFailed
from services.tts.settings import TtsSettings


class VoiceInfo(BaseModel):
    """A voice as `GET /v1/voices` lists it; `language` and `languages` as in `engine.Voice`, `sample_rate` in Hz."""

    name: str
    engine: str
    language: str
    languages: list[str]
    gender: str
    sample_rate: int
    default: bool
    cloned: bool


class CloneInfo(BaseModel):
    """A cloned voice as its owner sees it. `seconds`: of the recording. `speaks`: whether the running engine can speak
    in it."""

    name: str
    language: str
    seconds: float
    statement: str
    date: str
    audio_sha256: str
    speaks: bool


class Cloned(CloneInfo):
    """The answer to cloning a voice. `voice_token` speaks in it and deletes it, and is never told again."""

    voice_token: str


class Cloning:
    """The cloned voices on disk and the engine that speaks in them, kept in step."""

    def __init__(self, settings: TtsSettings, catalog: Catalog) -> None:
        self._engine_name = settings.tts_engine
        self.catalog = catalog
        self.clones = CloneStore(Path(settings.voices_dir), {*catalog.voices, *bundled()})
        self._engine = catalog.cloning_engine
        for clone in self.clones.all():
            self._learn(clone)
        if catalog.cloning_engine is not None:
            self._choose_default(settings.tts_voice)

    def _choose_default(self, wanted: str) -> None:
        """Make TTS_VOICE, which may be a cloned voice, the default. Where it names an embedded voice, as it does while
        nobody has changed it, the engine's first voice stays the default."""
        if wanted in bundled():
            return
        if wanted not in self.catalog.voices:
            raise SystemExit(f"TTS_VOICE={wanted} is not there; there are {', '.join(self.catalog.voices)}.")
        self.catalog.default = self.catalog.voices[wanted]

    def permit(self, name: str | None, token: str | None) -> None:
        """Raises `Problem` where `name` is a cloned voice and may not, or cannot, be spoken in."""
        if name is None or name not in self.clones:
            return
        self.clones.get(name, token)
        if name not in self.catalog.voices and self.catalog.stand_in is None:
            raise Problem(
                409,
                f"{name!r} is a cloned voice: the engine xtts speaks in it, and this service runs {self._engine_name}; "
                "set TTS_ENGINE=xtts (docs/xtts.md).",
            )

    def add(self, name: str, sent: bytes, language: str, statement: str) -> Cloned:
        """Make a voice from a recording (`sent`: the bytes of a sound file). It takes a second or more.

        Raises `Problem` 422 for a name or a recording that will not do, 409 for a name that is taken, 507 where the
        voice cannot be written.
        """
        self.clones.check_name(name)
        recording = read(sent)
        check(recording)
        token = self.clones.add(
            name,
            sent=sent,
            flac=recording.flac(),
            seconds=recording.seconds,
            language=language,
            statement=statement,
        )
        clone = self.clones.get(name, token)
        self._learn(clone)
        return Cloned(voice_token=token, **self.shown(clone).model_dump())

    def remove(self, name: str) -> None:
        """Remove the voice from the disk, the catalog and the engine. Raises KeyError where there is none."""
        self.clones.remove(name)
        self.catalog.remove(name)
        if self._engine is not None:
            self._engine.forget(name)

    def shown(self, clone: Clone) -> CloneInfo:
        """The voice as its owner sees it."""
        return CloneInfo(
            name=clone.name,
            language=clone.language,
            seconds=clone.seconds,
            statement=clone.consent.statement,
            date=clone.consent.date.isoformat(),
            audio_sha256=clone.consent.audio_sha256,
            speaks=clone.name in self.catalog.voices,
        )

    def listed(self, token: str | None) -> list[VoiceInfo]:
        """Every voice that `speak` accepts with this token."""
        opened = {c.name for c in self.clones.all() if self.clones.opens(c, token)}
        speaking = [v for v in self.catalog.voices.values() if v.name in opened or v.name not in self.clones]
        if self.catalog.stand_in is not None:
            speaking += [replace(self.catalog.stand_in, name=name) for name in opened - set(self.catalog.voices)]
        return [
            VoiceInfo(
                name=v.name,
                engine=v.engine,
                language=v.language,
                languages=sorted(v.languages),
                gender=v.gender,
                sample_rate=v.sample_rate,
                default=v.name == self.catalog.default.name,
                cloned=v.name in self.clones,
            )
            for v in speaking
        ]

    def _learn(self, clone: Clone) -> None:
        """Let the engine learn the voice. A voice that it cannot learn stays on disk and does not speak."""
        if self._engine is None:
            return
        folder = self.clones.folder(clone.name)
        try:
            self._engine.learn(clone.name, read((folder / RECORDING).read_bytes()).sound, folder)
        except (SynthesisFailed, Problem, OSError) as error:
            logger().warning("a cloned voice cannot be learnt", voice=clone.name, reason=str(error))
            return
        self.catalog.add(self._engine.voice(clone.name, clone.language))
