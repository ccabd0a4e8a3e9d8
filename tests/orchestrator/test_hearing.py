"""Speaking to the avatar: asr on the bus, the orchestrator between everything else."""

import logging

import pytest

from services.common.answering import Delta
from services.common.utterances import Dismissed, Partial, SpeechStarted, TurnOver
from tests.orchestrator.conftest import Stack
from tests.orchestrator.speaking import DELAYS, transcribed


async def test_a_spoken_question_is_shown_and_answered(stack: Stack) -> None:
    """Partial words, then the final ones with the turn that answers them; numbers count from the end of the voice."""
    opened = await transcribed(stack)
    async with stack.page(opened) as page:
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await stack.hear(opened, Partial, text="what")
        await stack.hear(opened, Partial, text="what is")
        await stack.hear(opened, TurnOver, text="What is it?", **DELAYS)
        await page.state("listening", 1)
    assert [(e.text, e.final, e.turn) for e in page.of("transcript")] == [
        *(("what", False, 0), ("what is", False, 0), ("What is it?", True, 1))
    ]
    types = [e.type for e in page.events if e.turn == 1]
    assert types[:3] == ["state", "transcript", "answer_delta"]
    numbers = page.of("metrics", 1)[-1]
    assert (numbers.end_of_turn_delay, numbers.transcription_delay) == (600, 80)
    assert 600 <= numbers.rag_retrieval_latency <= numbers.e2e_latency
    assert stack.rag.questions[0].text == "What is it?"


async def test_a_noise_while_it_listens_is_nothing(stack: Stack) -> None:
    """No turn, no error; what was shown goes away."""
    opened = await transcribed(stack)
    async with stack.page(opened) as page:
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await stack.hear(opened, Partial, text="hm")
        await stack.hear(opened, Dismissed, reason="noise")
        await page.until(lambda e: e.type == "transcript" and e.final)
    assert page.of("transcript")[-1].text == ""
    assert stack.rag.questions == []


async def test_what_is_said_is_not_logged(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    """Not above debug level, and not when it is garbled either."""
    await stack.start_asr(log_level="info")
    logging.getLogger().addHandler(caplog.handler)  # the service has put its own in the place of all others
    opened = await stack.open()
    async with stack.page(opened) as page:
        await stack.publish(f"flashback:session:{opened['session']}:hearing", Delta(text="open sesame"))
        await stack.hear(opened, Partial, text="open sesame")
        await stack.hear(opened, TurnOver, text="Open sesame!", **DELAYS)
        await page.state("listening", 1)
    assert "session opened" in caplog.text
    assert "not understood" in caplog.text
    assert "sesame" not in caplog.text.lower()
