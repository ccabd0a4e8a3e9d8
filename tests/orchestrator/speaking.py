"""A session that asr listens to, and an answer that can be spoken over."""

from typing import Any

from services.common.utterances import SpeechStarted
from tests.orchestrator.conftest import Page, Stack
from tests.orchestrator.fakes import WORD_MS
from tests.orchestrator.serving import until

TEXT = "One two three four. Five six seven eight nine ten."
DELAYS: dict[str, Any] = {"end_of_turn_delay": 600.0, "transcription_delay": 80.0}


async def transcribed(stack: Stack) -> dict[str, Any]:
    """A session that asr listens to."""
    await stack.start_asr()
    opened = await stack.open()
    await until(lambda: opened["session"] in stack.asr.listens)
    return opened


async def begin_to_speak(stack: Stack, opened: dict[str, Any], page: Page, words: int = 2) -> None:
    """The first turn is under way, and so many words of it were heard."""
    await page.say("start_reply", text="What is it?")
    avatar = stack.avatar(opened)
    await until(lambda: avatar.end_ms >= 10 * WORD_MS)
    avatar.hear(words * WORD_MS)
    await page.until(lambda e: e.type == "playback" and e.t == words * WORD_MS)
    if page.of("state")[-1].state != "speaking":
        await page.state("speaking")


async def speak_over(stack: Stack, opened: dict[str, Any], page: Page, words: int = 2) -> None:
    """A voice sets in once so many words of the first turn were heard, and the avatar pauses."""
    await begin_to_speak(stack, opened, page, words)
    await stack.hear(opened, SpeechStarted, onset_ms=80)
    await page.state("paused", 1)


async def lose_the_renderer(stack: Stack, opened: dict[str, Any], page: Page) -> None:
    """It dies in the middle of the first turn, which fails and names it; then it is there again, with the avatar."""
    await stack.renderer.server.stop()
    stack.renderer.avatars.clear()
    assert "renderer" in (await page.type("error")).detail
    await page.state("listening", 1)
    stack.renderer.by_itself = True
    await stack.renderer.server.start()
    await until(lambda: opened["session"] in stack.renderer.avatars)
