"""Preemptive generation: a reply that is got ready while the person may still go on."""

import asyncio
from collections.abc import AsyncGenerator

import httpx
import pytest

from services.common.answering import AnswerEvent, Delta, Done, Question
from services.common.utterances import Dismissed, EagerEndOfTurn, SpeechResumed, SpeechStarted, TurnOver
from tests.orchestrator.conftest import Stack
from tests.orchestrator.serving import until
from tests.orchestrator.speaking import DELAYS, TEXT, transcribed


async def test_a_reply_is_ready_when_the_turn_is_over(stack: Stack) -> None:
    """Found, written and synthesised before, told and played only then; the same words, however spelt, adopt it."""
    opened = await transcribed(stack)
    async with stack.page(opened) as page:
        await page.state("listening")
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await stack.hear(opened, EagerEndOfTurn, text="what is it", probability=0.8, backchannel=False)
        await until(lambda: stack.tts.spoken)
        assert (await stack.http.get(f"/session/{opened['session']}")).json()["turn"] == 0
        await stack.hear(opened, TurnOver, text="What is it?", **DELAYS)
        await page.state("thinking", 1)
        await page.state("listening", 1)
    assert len(stack.rag.questions) == 1
    assert [text for _, text in stack.tts.spoken] == ["One two three four.", "Five six seven eight nine ten."]
    assert "".join(e.text for e in page.of("answer_delta")) == TEXT
    assert [e.type for e in page.events][:4] == ["state", "transcript", "state", "transcript"]
    assert page.of("transcript")[-1].text == "What is it?"
    assert " ".join(e.word for e in page.of("caption")) == TEXT


@pytest.mark.parametrize("how", ["goes on", "other words", "a noise", "a typed question"])
async def test_a_reply_that_is_not_wanted_leaves_no_trace(stack: Stack, how: str) -> None:
    """Thrown away: its streams are closed, nothing of it was told, and its turn's number is used for what comes."""
    opened = await transcribed(stack)

    async def endless(question: Question) -> AsyncGenerator[AnswerEvent]:
        yield Delta(text="One two three four. ")
        if question.text == "What is":
            await asyncio.Event().wait()
        yield Done()

    stack.rag.script = endless
    async with stack.page(opened) as page:
        await page.state("listening")
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await stack.hear(opened, EagerEndOfTurn, text="What is", probability=0.6, backchannel=False)
        await until(lambda: stack.tts.spoken)
        match how:
            case "goes on":
                await stack.hear(opened, SpeechResumed)
                await until(lambda: stack.rag.closed == 1)
                await stack.hear(opened, TurnOver, text="What is it?", **DELAYS)
            case "other words":
                await stack.hear(opened, TurnOver, text="What is it?", **DELAYS)
            case "a noise":
                await stack.hear(opened, Dismissed, reason="echo")
                await page.until(lambda e: e.type == "transcript" and e.final)
                await page.say("start_reply", text="What is it?")
            case _:
                await page.say("start_reply", text="What is it?")
        await page.state("listening", 1)
    assert stack.rag.closed == 1
    assert [q.text for q in stack.rag.questions] == ["What is", "What is it?"]
    assert {q.turn for q in stack.rag.questions} == {1}
    assert "".join(e.text for e in page.of("answer_delta")) == "One two three four. "
    assert len([e for e in page.of("state") if e.state == "thinking"]) == 1


async def test_a_reply_that_could_not_be_generated_is_tried_again(stack: Stack) -> None:
    """rag-llm was away for a moment: nobody hears of it, and the question is answered."""
    opened = await transcribed(stack)
    async with stack.page(opened) as page:
        await stack.rag.server.stop()
        await stack.hear(opened, EagerEndOfTurn, text="What is it?", probability=0.8, backchannel=False)
        await page.type("transcript")
        await stack.rag.server.start()
        await stack.hear(opened, TurnOver, text="What is it?", **DELAYS)
        await page.state("listening", 1)
    assert not page.of("error")
    assert page.of("caption", 1)


async def test_ending_a_session_ends_what_was_being_generated(stack: Stack) -> None:
    """No stream outlives it."""
    opened = await transcribed(stack)

    async def endless(_: Question) -> AsyncGenerator[AnswerEvent]:
        yield Delta(text="Well")
        await asyncio.Event().wait()

    stack.rag.script = endless
    await stack.hear(opened, EagerEndOfTurn, text="What?", probability=0.8, backchannel=False)
    await until(lambda: stack.rag.questions)
    answer: httpx.Response = await stack.http.delete(
        f"/session/{opened['session']}", headers={"Authorization": f"Bearer {opened['token']}"}
    )
    assert answer.status_code == 204
    await until(lambda: stack.rag.closed == 1)
