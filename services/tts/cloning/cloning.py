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
    name: str
    engine: str
    language: str
    languages: list[str]
    gender: str
    sample_rate: int
    default: bool
    cloned: bool


class CloneInfo(BaseModel):
    """A cloned voice as its owner sees it; `speaks` false: this service's engine cannot speak in it."""

    name: str
    language: str
    seconds: float
    statement: str
    date: str
    audio_sha256: str
    speaks: bool


class Cloned(CloneInfo):
    """`voice_token` is told this once: it is needed to speak in the voice and to delete it."""

    voice_token: str


class Cloning:
    """The cloned voices of a service, and its engine's knowledge of them."""

    def __init__(self, settings: TtsSettings, catalog: Catalog) -> None:
        self.engine = settings.tts_engine
        self.catalog = catalog
        self.clones = CloneStore(Path(settings.voices_dir), {*catalog.voices, *bundled()})
        self._learner = catalog.cloning_engine
        for clone in self.clones.all():
            self._take_up(clone)
        if catalog.cloning_engine is not None:
            self._choose_default(settings.tts_voice)

    def _choose_default(self, wanted: str) -> None:
        """TTS_VOICE, which may be a cloned one. An embedded voice stays its value when only the engine is switched."""
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
                f"{name!r} is a cloned voice: the engine xtts speaks in it, and this service runs {self.engine}; "
                "set TTS_ENGINE=xtts (docs/xtts.md).",
            )

    def add(self, name: str, sent: bytes, language: str, statement: str) -> Cloned:
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
        self._take_up(clone)
        return Cloned(voice_token=token, **self.shown(clone).model_dump())

    def remove(self, name: str) -> None:
        self.clones.remove(name)
        self.catalog.remove(name)
        if self._learner is not None:
            self._learner.forget(name)

    def shown(self, clone: Clone) -> CloneInfo:
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

    def _take_up(self, clone: Clone) -> None:
        """Let the engine learn it, if it can. One that it cannot stays on disk and does not speak."""
        if self._learner is None:
            return
        folder = self.clones.folder(clone.name)
        try:
            self._learner.learn(clone.name, read((folder / RECORDING).read_bytes()).sound, folder)
        except (SynthesisFailed, Problem, OSError) as error:
            logger().warning("a cloned voice cannot be taken up", voice=clone.name, reason=str(error))
            return
        self.catalog.add(self._learner.voice(clone.name, clone.language))
