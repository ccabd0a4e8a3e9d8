"""A session that asr listens to, and an answer that can be spoken over."""

from typing import Any

from tests.orchestrator.conftest import Page, Stack
from tests.orchestrator.fakes import WORD_MS
from tests.orchestrator.serving import until

TEXT = "One two three four. Five six seven eight nine ten."
DELAYS: dict[str, Any] = {"end_of_turn_delay": 600.0, "transcription_delay": 80.0}


async def with_ears(stack: Stack) -> dict[str, Any]:
    """A session that is listened to."""
    await stack.grow_ears()
    opened = await stack.open()
    await until(lambda: opened["session"] in stack.asr.listens)
    return opened


async def begin_to_speak(stack: Stack, opened: dict[str, Any], page: Page, words: int = 2) -> None:
    """The first turn is under way, and so many words of it were heard."""
    await page.say("start_reply", text="What is it?")
    face = stack.face(opened)
    await until(lambda: face.end_ms >= 10 * WORD_MS)
    face.hear(words * WORD_MS)
    await page.until(lambda e: e.type == "playback" and e.t == words * WORD_MS)
    if page.of("state")[-1].state != "speaking":
        await page.state("speaking")
