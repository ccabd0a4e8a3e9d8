"""Whisper on this machine; and which engine the setting chooses."""

from pathlib import Path

import numpy as np
import pytest

from services.asr.audio.sound import RATE, Sound
from services.asr.settings import AsrSettings
from services.asr.transcription.engine import EngineError, TranscriptionEngine
from services.asr.transcription.fallback import FallbackEngine
from services.asr.transcription.loading import load_engine
from services.asr.transcription.whisper import WhisperEngine, without_loops
from services.asr.turns.classifier import classify
from tests.voices import cough, noise, say, silence, understood


def spoken(sound: Sound) -> Sound:
    return np.concatenate([silence(300), sound, silence(100)])


@pytest.mark.parametrize("final", [True, False])
def test_whisper_hears_words(whisper: TranscriptionEngine, final: bool) -> None:
    """A clear question comes out word for word, as a draft too, and it is said once."""
    words = whisper.transcribe(spoken(say("What are the opening hours on Sunday?")), final=final)
    assert understood(words.text, "What are the opening hours on Sunday?")


@pytest.mark.parametrize("sound", [silence(1000), noise(1, 0), cough(1), cough(2), np.zeros(0, np.float32)])
def test_whisper_makes_no_words_of_noise(whisper: TranscriptionEngine, sound: Sound) -> None:
    """What it invents is seen through."""
    assert classify(whisper.transcribe(spoken(sound), final=True), voiced_ms=300).noise


@pytest.mark.parametrize("seconds", [0.1, 12.0, 26.0])
def test_whisper_takes_any_length(whisper: TranscriptionEngine, seconds: float) -> None:
    """From a syllable to nearly its thirty seconds."""
    sound = np.tile(spoken(say("Do you need a GPU?")), 20)[: int(seconds * RATE)]
    assert isinstance(whisper.transcribe(sound, final=True).text, str)


@pytest.mark.parametrize(("model", "language"), [("/nowhere", "en"), ("large-v3", "en"), ("tiny.en", "de")])
def test_a_model_that_is_not_there_is_a_sentence(model: str, language: str) -> None:
    """The end of the start, with what to do; nothing is fetched from a hub."""
    with pytest.raises(EngineError, match=r"ASR_MODEL .*(not on this machine; use tiny.en|another model)"):
        WhisperEngine(model, language, 1)


def test_the_setting_chooses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """whisper, openai with a stand-in, off; what is missing is a sentence."""
    monkeypatch.chdir(tmp_path)
    assert load_engine(AsrSettings(asr_engine="off")) is None
    assert getattr(load_engine(AsrSettings(asr_engine="whisper")), "name", "") == "whisper"
    with pytest.raises(EngineError, match="ASR_OPENAI_URL"):
        load_engine(AsrSettings(asr_engine="openai"))
    with pytest.raises(EngineError, match="ASR_OPENAI_MODEL"):
        load_engine(AsrSettings(asr_engine="openai", asr_openai_url="http://127.0.0.1:1/v1"))
    both = load_engine(AsrSettings(asr_engine="openai", asr_openai_url="http://127.0.0.1:1/v1", asr_openai_model="m"))
    assert isinstance(both, FallbackEngine)
    assert understood(both.transcribe(spoken(say("Do you need a GPU?")), final=True).text, "Do you need a GPU?")


@pytest.mark.parametrize(
    ("text", "once"),
    [
        ("Do you need a GPU? Do you need a GPU? Do you need", "Do you need a GPU?"),
        ("yes yes yes yes yes", "yes"),
        ("the price of the price of the price of the", "the price of"),
        ("No, no.", "No, no."),
        ("Is it open on Monday or is it open on Sunday?", "Is it open on Monday or is it open on Sunday?"),
        ("", ""),
    ],
)
def test_loops_are_cut(text: str, once: str) -> None:
    """A model that says the same again to the end has said it once."""
    assert without_loops(text) == once
