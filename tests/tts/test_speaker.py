"""The speaker's own check that it can speak, and who speaks where a voice cannot."""

import asyncio
import sys
from collections.abc import Iterator
from concurrent.futures import Future

import numpy as np
import pytest

from services.common.errors import Problem
from services.common.speech import Speech
from services.tts.catalog import Catalog, load
from services.tts.engine import Line, Part, SynthesisFailed, Voice, Written
from services.tts.settings import TtsSettings
from services.tts.speaker import CancelledTurns, Speaker


class Answering(Speaker):
    """Its voice answers when the test says so."""

    def __init__(self) -> None:
        super().__init__(load(TtsSettings(tts_engine="espeak")), CancelledTurns(), 1)
        self.part: asyncio.Future[Part] = asyncio.get_running_loop().create_future()

    async def _step(self, engine: str, steps: Iterator[Part]) -> Part:
        return await self.part


async def test_a_check_that_is_cancelled_as_the_voice_answers_ends() -> None:
    """A cancellation that comes together with the voice's answer is not lost."""
    speaker = Answering()
    checking = asyncio.create_task(speaker.can_speak())
    await asyncio.sleep(0)
    speaker.part.set_result(Part(np.ones(8, np.int16), (), last=True))
    checking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await checking
    speaker.close()


def test_xtts_without_its_environment_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no torch the start says how to install it; TTS_FALLBACK=piper starts with the embedded voice."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SystemExit, match="make setup-xtts"):
        load(TtsSettings(tts_engine="xtts"))
    catalog = load(TtsSettings(tts_engine="xtts", tts_fallback="piper"))
    assert catalog.default.name == "joe"
    assert catalog.choose("anybody", None).name == "joe"
    catalog.close()


def test_another_voice_speaks_where_one_fails_at_once() -> None:
    """A voice that fails before its first sound is stood in for, at the rate that was promised; one that fails later,
    or has no stand-in, is 503 with its sentence."""
    whole = [Part(np.full(2400, 500, np.int16), (), last=False), Part(np.full(2400, 500, np.int16), (), last=True)]
    for parts, stand_in, outcome in ((0, "steady", 200), (0, None, 503), (1, "steady", 503)):
        frail = Failing("frail", 24000, whole[:parts], fails=True)
        steady = Failing("steady", 8000, whole, fails=False)
        speaker = Speaker(Catalog([frail, steady], "frail", stand_in), CancelledTurns(), 1)
        lines = [Line((Written(word, word),), frail.voices[0], 0) for word in ("one", "two")]
        if outcome == 200:
            messages = asyncio.run(all_of(speaker, lines))
            assert {m.sr for m in messages} == {24000}
            assert messages[-1].t1 == pytest.approx(2 * 4800 / 8, abs=20)
            assert messages[-1].final
        else:
            with pytest.raises(Problem, match="no more") as refused:
                asyncio.run(all_of(speaker, lines))
            assert refused.value.status == outcome
        speaker.close()


async def all_of(speaker: Speaker, lines: list[Line]) -> list[Speech]:
    return [message async for message in speaker.speak("s", 1, lines, 24000)]


class Failing:
    """Speaks the parts that it is given, and then it may fail."""

    at_once: int | None = None
    ended: Future[None] | None = None

    def __init__(self, name: str, rate: int, parts: list[Part], *, fails: bool) -> None:
        self.name, self._parts, self._fails = name, parts, fails
        self.voices: tuple[Voice, ...] = (Voice(name, name, "en", "unknown", rate),)

    def speak(self, line: Line) -> Iterator[Part]:
        yield from self._parts
        if self._fails:
            raise SynthesisFailed("It can say no more.")

    def close(self) -> None: ...
