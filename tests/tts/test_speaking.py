"""The speaker's own check that it can speak."""

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from services.tts.catalog import load
from services.tts.engine import Part
from services.tts.settings import TtsSettings
from services.tts.speaking import Cancelled, Speaker


class Answering(Speaker):
    """Its voice answers when the test says so."""

    def __init__(self) -> None:
        super().__init__(load(TtsSettings(tts_engine="espeak")), Cancelled(), 1)
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
