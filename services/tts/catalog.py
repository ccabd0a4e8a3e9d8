"""The voices there are: one folder a voice under `voices/`, and what espeak brings along."""

from importlib.resources import files
from pathlib import Path

import yaml

from services.common.errors import Problem
from services.tts.engine import Engine, Voice
from services.tts.espeak_engine import PREFIX, EspeakEngine
from services.tts.settings import TtsSettings

VOICES = Path(__file__).parent / "voices"
_ESPEAK_DEFAULT = PREFIX + "en-us"


class Catalog:
    """Voices by name and by language. `default` speaks what asks for nothing else."""

    def __init__(self, engines: list[Engine], default: str) -> None:
        self._engines = {engine.name: engine for engine in engines}
        self.voices = {voice.name: voice for engine in engines for voice in engine.voices}
        self.default = self.voices[default]

    def engine(self, voice: Voice) -> Engine:
        return self._engines[voice.engine]

    def speaking(self, language: str) -> Voice | None:
        """The best voice for a language tag: the default one for its whole family (en-GB too), else the nearest."""
        tag = language.lower()
        family = _family(tag)
        if _family(self.default.language) == family:
            return self.default
        kin = (voice for voice in self.voices.values() if _family(voice.language) == family)
        return self.voices.get(PREFIX + tag) or self.voices.get(PREFIX + family) or next(kin, None)

    def choose(self, name: str | None, language: str | None) -> Voice:
        """The voice that is asked for. Raises `Problem` 422 that says which there are."""
        if name is not None:
            voice = self.voices.get(name)
            if voice is None:
                raise Problem(422, f"voice: {name!r} is not there; there are {self._names()}.", field="voice")
            if language is not None and _family(voice.language) != _family(language.lower()):
                raise Problem(
                    422,
                    f"language: {name} speaks {voice.language}, not {language}; leave one of them out.",
                    field="language",
                )
            return voice
        if language is None:
            return self.default
        found = self.speaking(language)
        if found is None:
            tags = ", ".join(sorted({v.language for v in self.voices.values()}))
            raise Problem(422, f"language: no voice speaks {language!r}; there are {tags}.", field="language")
        return found

    def _names(self) -> str:
        return ", ".join(sorted(self.voices, key=lambda name: (name.startswith(PREFIX), name)))


def _family(tag: str) -> str:
    return tag.split("-")[0]


def load(settings: TtsSettings) -> Catalog:
    """Load the engines. Exits with a sentence where the settings name a voice that is not there."""
    instant = EspeakEngine()
    own = sorted(folder.parent.name for folder in VOICES.glob("*/voice.yaml"))
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


def _piper(name: str, settings: TtsSettings) -> Engine:
    from services.tts.piper_engine import PiperEngine
    from services.tts.piper_model import PiperModel

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
