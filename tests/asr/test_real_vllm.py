"""The openai engine against vLLM itself, with a Whisper that knows English: `tests/asr/vllm_model.py` makes one."""

import asyncio
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from services.asr.audio.sound import RATE, Sound
from services.asr.transcription import fallback, openai
from services.asr.transcription.engine import EngineError
from services.asr.transcription.fallback import FallbackEngine
from services.asr.transcription.openai import OpenAiEngine
from services.asr.turns.classifier import classify
from tests.asr.wire import SameWords
from tests.rag.relay import Relay
from tests.voices import cough, noise, say, silence, understood

URL = os.environ.get("VLLM_ASR_URL", "")
pytestmark = pytest.mark.skipif(
    not URL, reason="needs vLLM with a Whisper: VLLM_ASR_URL=http://127.0.0.1:8001/v1 make test-vllm"
)

QUESTION = "What are the opening hours on Sunday?"
TALK = (
    "How do I install it and what does it cost?",
    "I have two machines here.",
    "Tell me about the museum, and then tell me when it opens.",
    "The castle was built by a king of the north.",
    "Children pay half and dogs are welcome in the garden.",
    "My name is Anna and I live in Hamburg with my two cats.",
    "Is there a train that goes back in the evening?",
    "Please tell me what the weather will be like tomorrow.",
    "We would like to have dinner at eight o'clock.",
    "Which of the two houses is the older one?",
)
PATIENCE_S = 120.0
"""A processor that others use too is no graphics card."""


@pytest.fixture(scope="module")
def model() -> str:
    name: str = httpx.get(f"{URL}/models", timeout=60).json()["data"][0]["id"]
    return name


@pytest.fixture
def engine(model: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAiEngine]:
    monkeypatch.setattr(openai, "TIMEOUT_S", {True: PATIENCE_S, False: PATIENCE_S})
    engine = OpenAiEngine(URL, model, "", "en")
    yield engine
    engine.close()


def spoken(sound: Sound) -> Sound:
    return np.concatenate([silence(300), sound, silence(100)])


def test_a_question_and_how_sure_it_is(engine: OpenAiEngine) -> None:
    """Its words, with a confidence that is the model's own."""
    words = engine.transcribe(spoken(say(QUESTION)), final=True)
    assert understood(words.text, QUESTION)
    assert openai.UNSURE < words.confidence < 0


def test_a_sentence_that_is_cut_off(engine: OpenAiEngine) -> None:
    """A draft of 0.3 s is taken; a longer one has the words so far."""
    sound = spoken(say(TALK[0]))
    assert isinstance(engine.transcribe(sound[: 3 * RATE // 10], final=False).text, str)
    assert "install" in engine.transcribe(sound[: 3 * RATE // 2], final=False).text


def test_a_long_stretch(engine: OpenAiEngine) -> None:
    """28 s: most of the words, from the first sentence to the last that is whole."""
    talk = [np.concatenate([say(sentence), silence(800)]) for sentence in TALK]
    ends = np.cumsum([len(part) for part in talk])
    assert ends[-1] >= 28 * RATE
    words = engine.transcribe(np.concatenate(talk)[: 28 * RATE], final=True)
    assert understood(words.text, " ".join(TALK[: int(np.sum(ends <= 28 * RATE))]))


def test_the_same_again_and_again(engine: OpenAiEngine) -> None:
    """The model writes on without marks of time, so that the richer answer is empty: words come all the same."""
    words = engine.transcribe(np.tile(spoken(say(QUESTION)), 20)[: 28 * RATE], final=True)
    assert understood(words.text[: len(QUESTION) + 1], QUESTION)


@pytest.mark.parametrize("sound", [silence(300), silence(2000), noise(1, 0), cough(1), cough(2)])
def test_no_words_of_noise(engine: OpenAiEngine, sound: Sound) -> None:
    """What it invents is seen through."""
    assert classify(engine.transcribe(spoken(sound), final=True), voiced_ms=300).noise


def test_what_it_refuses(engine: OpenAiEngine, model: str) -> None:
    """A wrong model, a language that Whisper does not know and a stretch of nothing are errors that leave it usable."""
    for wrong, status in ((("no-such-model", "en"), 404), ((model, "xx"), 400)):
        other = OpenAiEngine(URL, wrong[0], "", wrong[1])
        with pytest.raises(EngineError, match=rf"{status}.*ASR_OPENAI_URL"):
            other.transcribe(spoken(say(QUESTION)), final=True)
        other.close()
    with pytest.raises(EngineError, match="400"):
        engine.transcribe(silence(0), final=True)
    assert engine.transcribe(spoken(say(QUESTION)), final=True).confidence < 0


async def test_a_server_that_is_killed_and_comes_back(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is gone the words come from here, then from the server again."""
    monkeypatch.setattr(openai, "TIMEOUT_S", {True: PATIENCE_S, False: PATIENCE_S})
    monkeypatch.setattr(fallback, "REST_S", 0.0)
    address = urlsplit(URL)
    relay = Relay(address.hostname or "", address.port or 80)
    here = SameWords("From here.")
    engine = FallbackEngine(OpenAiEngine(f"http://127.0.0.1:{relay.port}{address.path}", model, "", "en"), here)

    async def hears() -> str:
        return (await asyncio.to_thread(engine.transcribe, spoken(say(QUESTION)), final=True)).text

    await relay.open()
    assert understood(await hears(), QUESTION)
    relay.cut()
    assert await hears() == "From here."
    await relay.open()
    assert understood(await hears(), QUESTION)
    assert len(here.heard) == 1
    relay.cut()
    engine.close()
