"""Speaking over the avatar: what pauses it, what interrupts it, what lets it go on, and what dies meanwhile."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from services.common.answering import AnswerEvent, Delta, Done, Question, Retrieval
from services.common.utterances import Dismissed, Partial, SpeechStarted, TurnOver
from services.orchestrator_api.lib.conversation.listening import TELLS_S
from tests.orchestrator.conftest import Stack
from tests.orchestrator.fakes import PASSAGE, WORD_MS, says
from tests.orchestrator.serving import until
from tests.orchestrator.speaking import DELAYS, TEXT, begin_to_speak, lose_the_renderer, speak_over, transcribed


@pytest.mark.parametrize("nothing", ["a cough", "mm-hm"])
async def test_what_is_nothing_lets_the_answer_go_on_where_it_stopped(stack: Stack, nothing: str) -> None:
    """Paused at the onset, resumed when it is known; every word is captioned once, and the turn ends as ever."""
    stack.renderer.by_itself = False
    opened = await transcribed(stack)
    avatar = stack.avatar(opened)
    async with stack.page(opened) as page:
        await speak_over(stack, opened, page)
        assert stack.renderer.holds == [("pause", 1)]
        avatar.hear(avatar.end_ms)  # it does not
        if nothing == "a cough":
            await stack.hear(opened, Dismissed, reason="noise")
        else:
            await stack.hear(opened, Partial, text="mm-hm", backchannel=True)
            stack.timers.go_off()  # it was disarmed
            await stack.hear(opened, TurnOver, text="Mm-hm.", backchannel=True, **DELAYS)
        await page.state("speaking", 1)
        assert stack.renderer.holds == [("pause", 1), ("resume", 1)]
        avatar.hear(avatar.end_ms)
        await page.state("listening", 1)
    assert " ".join(e.word for e in page.of("caption")) == TEXT
    assert not page.of("interrupted")
    assert stack.renderer.cancels == []
    assert len(stack.rag.questions) == 1


async def test_words_interrupt_and_ask(stack: Stack) -> None:
    """The first words cancel what is paused; the history keeps what was heard; the words become the next question."""
    stack.renderer.by_itself = False
    opened = await transcribed(stack)
    avatar = stack.avatar(opened)
    async with stack.page(opened) as page:
        await speak_over(stack, opened, page, words=3)
        await stack.hear(opened, Partial, text="and then")
        interrupted = await page.type("interrupted")
        assert interrupted.heard_text == "One two three"
        await page.state("listening", 1)
        avatar.by_itself = True
        await stack.hear(opened, TurnOver, text="And then?", **DELAYS)
        await page.state("listening", 2)
    numbers = page.of("metrics", 1)[-1]
    assert numbers.interruption_detection_delay >= 80
    assert numbers.interruption_to_silence_ms > 0
    assert "interruption_detection_delay_count 0.0" not in (await stack.http.get("/metrics")).text
    history = [(m.role, m.content) for m in stack.rag.questions[-1].history]
    assert history == [("user", "What is it?"), ("assistant", "One two three")]


async def test_a_voice_that_lasts_interrupts_without_a_word(stack: Stack) -> None:
    """The timer of a voice that nobody can tell."""
    stack.renderer.by_itself = False
    opened = await transcribed(stack)
    async with stack.page(opened) as page:
        await speak_over(stack, opened, page)
        (timer,) = stack.timers.waiting
        assert 0 < timer.delay_s < TELLS_S
        stack.timers.go_off()
        assert (await page.type("interrupted")).heard_text == "One two"
        await page.state("listening", 1)


async def test_a_short_sound_reported_by_a_front_end_resumes(stack: Stack) -> None:
    """user_speaking true, then false before it counts: paused, and on."""
    stack.renderer.by_itself = False
    opened = await stack.open()
    avatar = stack.avatar(opened)
    async with stack.page(opened) as page:
        await begin_to_speak(stack, opened, page)
        await page.say("user_speaking", speaking=True)
        await page.state("paused", 1)
        await page.say("user_speaking", speaking=False)
        await page.state("speaking", 1)
        assert stack.timers.waiting == []
        avatar.hear(avatar.end_ms)
        await page.state("listening", 1)
    assert not page.of("interrupted")


async def test_a_voice_before_the_first_sound_holds_it_back(stack: Stack) -> None:
    """While it thinks: nothing is sent to be heard until the voice turns out to be nothing."""
    stack.renderer.by_itself = False
    opened = await transcribed(stack)
    avatar = stack.avatar(opened)
    thinking = asyncio.Event()

    async def slowly(_: Question) -> AsyncGenerator[AnswerEvent]:
        await thinking.wait()
        yield Delta(text="One two three four. ")
        yield Done()

    stack.rag.script = slowly
    async with stack.page(opened) as page:
        await page.say("start_reply", text="What?")
        await page.state("thinking", 1)
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await until(lambda: stack.renderer.holds == [("pause", 1)])
        thinking.set()
        await until(lambda: stack.tts.spoken)
        await page.type("answer_delta")
        assert avatar.speech == []
        await stack.hear(opened, Dismissed, reason="noise")
        await until(lambda: avatar.ended)
        avatar.hear(avatar.end_ms)
        await page.state("listening", 1)
    assert " ".join(w.text for w in avatar.words) == "One two three four."


async def test_who_adds_to_a_question_is_answered_both(stack: Stack) -> None:
    """The turn that thought about the first part leaves nothing behind but its number."""
    opened = await transcribed(stack)
    first = asyncio.Event()

    async def slow_at_first(question: Question) -> AsyncGenerator[AnswerEvent]:
        if question.turn == 1:
            await first.wait()
        yield Retrieval(passages=[PASSAGE], ms=1.0)
        yield Delta(text="It costs ten. ")
        yield Done()

    stack.rag.script = slow_at_first
    async with stack.page(opened) as page:
        await stack.hear(opened, TurnOver, text="What does it cost", **DELAYS)
        await page.state("thinking", 1)
        await stack.hear(opened, SpeechStarted, utterance=2, onset_ms=80)
        await stack.hear(opened, Partial, utterance=2, text="per month")
        await page.type("interrupted")
        await stack.hear(opened, TurnOver, utterance=2, text="per month?", **DELAYS)
        await page.state("thinking", 2)
        await page.state("listening", 2)
    assert stack.rag.questions[-1].text == "What does it cost per month?"
    assert stack.rag.questions[-1].history == []
    assert page.of("transcript")[-1].text == "What does it cost per month?"


async def test_a_full_renderer_is_waited_for_however_long_the_pause(stack: Stack, monkeypatch: Any) -> None:
    """Held, a turn costs no patience: what the renderer cannot take meanwhile it takes later, and all is heard."""
    monkeypatch.setattr("services.orchestrator_api.lib.conversation.turn.PATIENCE_S", 0.0)
    stack.renderer.by_itself = False
    stack.rag.script = says(" ".join(["word"] * 30) + ".")
    opened = await stack.open()
    avatar = stack.avatar(opened)
    async with stack.page(opened) as page:
        await page.say("start_reply", text="What?")
        await until(lambda: avatar.end_ms - avatar.heard_ms > 2000)
        avatar.hear(2 * WORD_MS)
        await page.state("speaking", 1)
        await page.say("user_speaking", speaking=True)
        await page.state("paused", 1)
        held_at = avatar.end_ms
        await asyncio.sleep(0.5)  # longer than the sender would have waited for room
        assert avatar.end_ms == held_at
        await page.say("user_speaking", speaking=False)
        while not avatar.ended:
            await asyncio.sleep(0.01)
            avatar.hear(avatar.heard_ms + 400)
        avatar.hear(avatar.end_ms)
        await page.state("listening", 1)
    assert len(page.of("caption")) == 30
    assert not page.of("error")


async def test_a_renderer_that_is_lost_while_it_is_paused(stack: Stack) -> None:
    """The turn ends with an error, as it would have; the avatar comes back and answers the next question."""
    stack.renderer.by_itself = False
    opened = await transcribed(stack)
    async with stack.page(opened) as page:
        await speak_over(stack, opened, page)
        await lose_the_renderer(stack, opened, page)
        await stack.hear(opened, TurnOver, text="Still there?", **DELAYS)
        await page.state("listening", 2)
    assert page.of("caption", 2)


async def test_a_renderer_that_knows_no_pause_is_no_reason_to_fail(stack: Stack) -> None:
    """It goes on speaking; words interrupt it all the same."""
    stack.renderer.by_itself = False
    opened = await transcribed(stack)
    async with stack.page(opened) as page:
        await begin_to_speak(stack, opened, page)
        stack.renderer.knows_pause = False
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await page.state("paused", 1)
        await stack.hear(opened, Partial, text="stop it")
        await page.type("interrupted")
        await page.state("listening", 1)
