"""Which voices there are: a folder each under `voices/`, every language of espeak, XTTS's speakers, cloned voices."""

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from services.common.errors import Problem
from services.common.logs import logger
from services.tts.engine import CloningEngine, Engine, SynthesisFailed, Voice, family_of
from services.tts.espeak.engine import PREFIX, EspeakEngine
from services.tts.settings import TtsSettings
from services.tts.text.lines import VoiceFor

if TYPE_CHECKING:
    from services.tts.xtts.engine import XttsEngine

VOICES = Path(__file__).parent / "voices"
_ESPEAK_DEFAULT = PREFIX + "en-us"


class Catalog:
    """Voices by name and by language.

    `default`: speaks what asks for no voice. `stand_in`: speaks where the voice that was asked for cannot; None: the
    request fails instead. `cloning_engine`: speaks in cloned voices; None: no engine here does.
    """

    def __init__(
        self,
        engines: list[Engine],
        default: str,
        stand_in: str | None = None,
        cloning_engine: CloningEngine | None = None,
    ) -> None:
        self.engines = {engine.name: engine for engine in engines}
        self.voices = {voice.name: voice for engine in engines for voice in engine.voices}
        self.default = self.voices[default]
        self.stand_in = self.voices[stand_in] if stand_in else None
        self.cloning_engine = cloning_engine

    def engine(self, voice: Voice) -> Engine:
        """The engine that speaks in this voice."""
        return self.engines[voice.engine]

    def voice_for(self, language: str) -> Voice | None:
        """The best voice for a BCP 47 tag: the default voice if it speaks the language, whatever the region; else the
        voice with the nearest tag; None where no voice speaks the language."""
        tag = language.lower()
        family = family_of(tag)
        kin = (voice for voice in self.voices.values() if family_of(voice.language) == family)
        return (
            self.default.in_language(tag)
            or self.voices.get(PREFIX + tag)
            or self.voices.get(PREFIX + tag.split("-")[0])
            or next(kin, None)
        )

    def voices_beside(self, voice: Voice) -> VoiceFor:
        """Chooses the voice for words of another language inside a text that `voice` speaks: `voice` if it can."""
        return lambda tag: voice.in_language(tag) or self.voice_for(tag)

    def choose(self, name: str | None, language: str | None) -> Voice:
        """The voice for a request's `voice` and `language`, or the stand-in where there is no such voice.

        Raises `Problem` 422, with the voices or languages there are, where there is no stand-in either.
        """
        try:
            return self._asked_for(name, language)
        except Problem as problem:
            if self.stand_in is None:
                raise
            logger().warning("another voice stands in", reason=problem.detail, voice=self.stand_in.name)
            return self.stand_in

    def _asked_for(self, name: str | None, language: str | None) -> Voice:
        if name is not None:
            voice = self.voices.get(name)
            if voice is None:
                raise Problem(422, f"voice: {name!r} is not there; there are {self._names()}.", field="voice")
            spoken = voice if language is None else voice.in_language(language)
            if spoken is None:
                speaks = ", ".join(sorted(voice.languages)) or voice.language
                raise Problem(
                    422, f"language: {name} speaks {speaks}, not {language}; leave one of them out.", field="language"
                )
            return spoken
        if language is None:
            return self.default
        found = self.voice_for(language)
        if found is None:
            tags = ", ".join(sorted({v.language for v in self.voices.values()} | set(self.default.languages)))
            raise Problem(422, f"language: no voice speaks {language!r}; there are {tags}.", field="language")
        return found

    def _names(self) -> str:
        return ", ".join(sorted(self.voices, key=lambda name: (name.startswith(PREFIX), name)))

    def add(self, voice: Voice) -> None:
        """A cloned voice speaks from now on."""
        self.voices[voice.name] = voice

    def remove(self, name: str) -> None:
        """A cloned voice speaks no more. Where it was the default, the engine's first voice becomes the default."""
        self.voices.pop(name, None)
        if self.default.name == name:
            self.default = next(iter(self.voices.values()))

    def close(self) -> None:
        """Close every engine."""
        for engine in self.engines.values():
            engine.close()


def load(settings: TtsSettings) -> Catalog:
    """The catalog of the engine in the settings. Raises SystemExit with a sentence where they name what is missing."""
    if settings.tts_engine == "xtts":
        return _with_xtts(settings)
    instant = EspeakEngine()
    own = bundled()
    if settings.tts_voice not in [*own, *(voice.name for voice in instant.voices)]:
        raise SystemExit(
            f"TTS_VOICE={settings.tts_voice} is not there; there are {', '.join(own)}, espeak-en-us and more."
        )
    match settings.tts_engine:
        case "espeak":
            # A neural voice stays the setting's value when only the engine is switched.
            return Catalog([instant], _ESPEAK_DEFAULT if settings.tts_voice in own else settings.tts_voice)
        case "piper":
            return Catalog([*(_piper(name, settings) for name in own), instant], settings.tts_voice)


def bundled() -> list[str]:
    """The neural voices that come with the service."""
    return sorted(folder.parent.name for folder in VOICES.glob("*/voice.yaml"))


def _with_xtts(settings: TtsSettings) -> Catalog:
    """XTTS, and with TTS_FALLBACK the embedded voices beside it, or alone where it cannot be loaded."""
    own = bundled()
    embedded = [*(_piper(name, settings) for name in own), EspeakEngine()] if settings.tts_fallback else []
    stand_in = own[0] if embedded else None
    try:
        engine = _xtts(settings)
    except SynthesisFailed as failure:
        if stand_in is None:
            raise SystemExit(f"{failure} TTS_FALLBACK=piper starts with the embedded voice instead.") from failure
        logger().warning("the embedded voice stands in for XTTS", reason=str(failure))
        return Catalog(embedded, stand_in, stand_in)
    return Catalog([engine, *embedded], engine.voices[0].name, stand_in, engine)


def _xtts(settings: TtsSettings) -> "XttsEngine":
    """Raises SynthesisFailed with a sentence where it cannot be loaded."""
    try:
        from services.tts.xtts.engine import load as load_xtts
    except ModuleNotFoundError as error:
        raise SynthesisFailed(f"XTTS needs its own environment ({error}): make setup-xtts.") from error
    from services.tts.visemes.tracking import track_line

    return load_xtts(Path(settings.xtts_dir), settings.xtts_voices, track_line)


def _piper(name: str, settings: TtsSettings) -> Engine:
    from services.tts.piper.engine import PiperEngine
    from services.tts.piper.model import PiperModel

    about = yaml.safe_load((VOICES / name / "voice.yaml").read_text())
    weights = Path(str(files(about["package"]))) / "data" / f"{about['model']}.onnx"
    try:
        model = PiperModel(weights, Path(settings.tts_cache_dir), settings.tts_threads)
    except OSError as error:
        raise SystemExit(
            f"The voice {name} cannot be loaded ({error}); check TTS_CACHE_DIR, or install again."
        ) from error
    voice = Voice(name, "piper", about["language"], about["gender"], model.sample_rate)
    return PiperEngine(voice, model, 10 ** (about["gain_db"] / 20))
