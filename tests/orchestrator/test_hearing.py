"""Speaking to the avatar and over it: asr on the bus, the orchestrator between everything else."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from services.common import tokens
from services.common.answering import AnswerEvent, Delta, Done, Question, Retrieval
from services.common.hearing import Dismissed, Partial, SpeechResumed, SpeechStarted, TurnLikelyOver, TurnOver
from services.orchestrator_api.lib.listening import TELLS_S
from tests.orchestrator.conftest import SECRET, Page, Stack
from tests.orchestrator.fakes import PASSAGE, WORD_MS, says, until

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


# --- where asr listens ------------------------------------------------------------------------------------------------


async def test_asr_listens_where_a_session_is_and_no_longer(stack: Stack) -> None:
    """It gets the gateway's address and a token of its own role; at the session's end it is told to leave."""
    opened = await with_ears(stack)
    session = opened["session"]
    listens = stack.asr.listens[session]
    assert listens["listen_url"] == f"{stack.gateway.server.url}/whep/{session}"
    assert tokens.verify(SECRET, listens["token"]) == tokens.Grant(session, "asr")
    async with stack.page(opened) as page:
        await page.until(lambda e: e.type == "state" and e.ears)
    headers = {"Authorization": f"Bearer {opened['token']}"}
    assert (await stack.http.delete(f"/session/{session}", headers=headers)).status_code == 204
    await until(lambda: stack.asr.left == [session])


async def test_without_asr_everything_is_as_before(stack: Stack) -> None:
    """Readiness does not depend on it, sessions open and speak; states say that there are no ears."""
    await stack.restart(asr_url="http://127.0.0.1:9")
    assert (await stack.http.get("/readyz")).status_code == 200
    async with stack.page(await stack.open()) as page:
        await page.say("start_reply", text="What is it?")
        await page.state("listening", 1)
    assert not any(e.ears for e in page.of("state"))


async def test_asr_that_comes_back_is_told_again(stack: Stack) -> None:
    """Killed in mid-sentence: what it had begun counts as nothing, the answer goes on; then it hears again."""
    stack.renderer.by_itself = False
    opened = await with_ears(stack)
    face = stack.face(opened)
    async with stack.page(opened) as page:
        await begin_to_speak(stack, opened, page)
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await page.state("paused")
        stack.asr.listens.clear()
        await stack.beat("run2")
        await page.state("speaking")
        await until(lambda: opened["session"] in stack.asr.listens)
        face.hear(face.end_ms)
        await page.state("listening", 1)
        stack.renderer.by_itself = face.by_itself = True
        await stack.hear(opened, SpeechStarted, "run2", onset_ms=80)
        await stack.hear(opened, TurnOver, "run2", text="Still there?", **DELAYS)
        await page.state("thinking", 2)
        await page.state("listening", 2)
    assert [e.text for e in page.of("transcript") if e.final] == ["", "Still there?"]


async def test_asr_that_goes_away_lets_the_answer_go_on(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent for too long it counts as gone: what it had begun was nothing, and pages know that they have no ears."""
    stack.renderer.by_itself = False
    opened = await with_ears(stack)
    async with stack.page(opened) as page:
        await begin_to_speak(stack, opened, page)
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await page.state("paused")
        await stack.asr.server.stop()
        monkeypatch.setattr("services.orchestrator_api.lib.ears.LOST_S", 0.0)
        await page.state("speaking")
        await page.until(lambda e: e.type == "state" and not e.ears)
        stack.face(opened).hear(stack.face(opened).end_ms)
        await page.state("listening", 1)


async def test_asr_that_is_full_leaves_a_session_without_ears(stack: Stack) -> None:
    """Until it has room: then it is asked again, and the page told."""
    await stack.grow_ears()
    stack.asr.full = True
    opened = await stack.open()
    async with stack.page(opened) as page:
        await until(lambda: stack.asr.refused)
        await page.say("start_reply", text="What is it?")
        await page.state("listening", 1)
        assert not any(e.ears for e in page.of("state"))
        stack.asr.full = False
        await page.until(lambda e: e.type == "state" and e.ears)


async def test_an_adopted_session_has_ears(stack: Stack) -> None:
    """The orchestrator after this one lets asr listen again where it took a session over."""
    opened = await with_ears(stack)
    stack.asr.listens.clear()
    await stack.restart(asr_url=stack.asr.server.url)
    await stack.beat()
    await until(lambda: opened["session"] in stack.asr.listens)
    async with stack.page(opened) as page:
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await stack.hear(opened, TurnOver, text="What is it?", **DELAYS)
        await page.state("listening", 1)
    assert " ".join(e.word for e in page.of("caption")) == TEXT


async def test_nonsense_on_the_bus_disturbs_nobody(stack: Stack) -> None:
    """What is not a message, and what is of a session that is not here, is passed over."""
    opened = await with_ears(stack)
    stranger = {"session": "elsewhere"}
    async with stack.page(opened) as page:
        await stack.publish("flashback:session:x:hearing", Delta(text="not a message"))
        await stack.hear(stranger, SpeechStarted, onset_ms=80)
        await stack.hear(opened, TurnOver, text="What is it?", **DELAYS)
        await page.state("listening", 1)
    assert not page.of("error")


async def test_asr_knows_what_the_avatar_says(stack: Stack) -> None:
    """The clauses that sound about now, while they do; then that it is silent."""
    stack.renderer.by_itself = False
    opened = await with_ears(stack)
    session, face = opened["session"], stack.face(opened)
    async with stack.page(opened) as page:
        await page.until(lambda e: e.type == "state" and e.ears)
        await begin_to_speak(stack, opened, page)
        await until(lambda: stack.asr.spoken == [(session, 1, TEXT)])
        await page.say("cancel")
        await until(lambda: stack.asr.spoken[-1] == (session, 1, ""))
    assert face.cancelled == 1


# --- speaking to it ---------------------------------------------------------------------------------------------------


async def test_a_spoken_question_is_shown_and_answered(stack: Stack) -> None:
    """Partial words, then the final ones with the turn that answers them; numbers count from the end of the voice."""
    opened = await with_ears(stack)
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
    opened = await with_ears(stack)
    async with stack.page(opened) as page:
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await stack.hear(opened, Partial, text="hm")
        await stack.hear(opened, Dismissed, reason="noise")
        await page.until(lambda e: e.type == "transcript" and e.final)
    assert page.of("transcript")[-1].text == ""
    assert stack.rag.questions == []


async def test_what_is_said_is_not_logged(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    """Not above debug level, and not when it is garbled either."""
    await stack.grow_ears(log_level="info")
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


# --- speaking over it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", ["a cough", "mm-hm"])
async def test_what_is_nothing_lets_the_answer_go_on_where_it_stopped(stack: Stack, nothing: str) -> None:
    """Paused at the onset, resumed when it is known; every word is captioned once, and the turn ends as ever."""
    stack.renderer.by_itself = False
    opened = await with_ears(stack)
    face = stack.face(opened)
    async with stack.page(opened) as page:
        await begin_to_speak(stack, opened, page)
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await page.state("paused", 1)
        assert stack.renderer.holds == [("pause", 1)]
        face.hear(face.end_ms)  # it does not
        if nothing == "a cough":
            await stack.hear(opened, Dismissed, reason="noise")
        else:
            await stack.hear(opened, Partial, text="mm-hm", backchannel=True)
            stack.timers.go_off()  # it was disarmed
            await stack.hear(opened, TurnOver, text="Mm-hm.", backchannel=True, **DELAYS)
        await page.state("speaking", 1)
        assert stack.renderer.holds == [("pause", 1), ("resume", 1)]
        face.hear(face.end_ms)
        await page.state("listening", 1)
    assert " ".join(e.word for e in page.of("caption")) == TEXT
    assert not page.of("interrupted")
    assert stack.renderer.cancels == []
    assert len(stack.rag.questions) == 1


async def test_words_interrupt_and_ask(stack: Stack) -> None:
    """The first words cancel what is paused; the history keeps what was heard; the words become the next question."""
    stack.renderer.by_itself = False
    opened = await with_ears(stack)
    face = stack.face(opened)
    async with stack.page(opened) as page:
        await begin_to_speak(stack, opened, page, words=3)
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await page.state("paused", 1)
        await stack.hear(opened, Partial, text="and then")
        interrupted = await page.type("interrupted")
        assert interrupted.heard_text == "One two three"
        await page.state("listening", 1)
        face.by_itself = True
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
    opened = await with_ears(stack)
    async with stack.page(opened) as page:
        await begin_to_speak(stack, opened, page)
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await page.state("paused", 1)
        (timer,) = stack.timers.waiting
        assert 0 < timer.delay_s < TELLS_S
        stack.timers.go_off()
        assert (await page.type("interrupted")).heard_text == "One two"
        await page.state("listening", 1)


async def test_a_short_sound_reported_by_a_front_end_resumes(stack: Stack) -> None:
    """user_speaking true, then false before it counts: paused, and on."""
    stack.renderer.by_itself = False
    opened = await stack.open()
    face = stack.face(opened)
    async with stack.page(opened) as page:
        await begin_to_speak(stack, opened, page)
        await page.say("user_speaking", speaking=True)
        await page.state("paused", 1)
        await page.say("user_speaking", speaking=False)
        await page.state("speaking", 1)
        assert stack.timers.waiting == []
        face.hear(face.end_ms)
        await page.state("listening", 1)
    assert not page.of("interrupted")


async def test_a_voice_before_the_first_sound_holds_it_back(stack: Stack) -> None:
    """While it thinks: nothing is sent to be heard until the voice turns out to be nothing."""
    stack.renderer.by_itself = False
    opened = await with_ears(stack)
    face = stack.face(opened)
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
        assert face.speech == []
        await stack.hear(opened, Dismissed, reason="noise")
        await until(lambda: face.ended)
        face.hear(face.end_ms)
        await page.state("listening", 1)
    assert " ".join(w.text for w in face.words) == "One two three four."


async def test_who_adds_to_a_question_is_answered_both(stack: Stack) -> None:
    """The turn that thought about the first part leaves nothing behind but its number."""
    opened = await with_ears(stack)
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


# --- held for long, and what dies meanwhile ---------------------------------------------------------------------------


async def test_a_full_renderer_is_waited_for_however_long_the_pause(stack: Stack, monkeypatch: Any) -> None:
    """Held, a turn costs no patience: what the renderer cannot take meanwhile it takes later, and all is heard."""
    monkeypatch.setattr("services.orchestrator_api.lib.turn.PATIENCE_S", 0.0)
    stack.renderer.by_itself = False
    stack.rag.script = says(" ".join(["word"] * 30) + ".")
    opened = await stack.open()
    face = stack.face(opened)
    async with stack.page(opened) as page:
        await page.say("start_reply", text="What?")
        await until(lambda: face.end_ms - face.heard_ms > 2000)
        face.hear(2 * WORD_MS)
        await page.state("speaking", 1)
        await page.say("user_speaking", speaking=True)
        await page.state("paused", 1)
        held_at = face.end_ms
        await asyncio.sleep(0.5)  # longer than the sender would have waited for room
        assert face.end_ms == held_at
        await page.say("user_speaking", speaking=False)
        while not face.ended:
            await asyncio.sleep(0.01)
            face.hear(face.heard_ms + 400)
        face.hear(face.end_ms)
        await page.state("listening", 1)
    assert len(page.of("caption")) == 30
    assert not page.of("error")


async def test_a_renderer_that_is_lost_while_it_is_paused(stack: Stack) -> None:
    """The turn ends with an error, as it would have; the avatar comes back and answers the next question."""
    stack.renderer.by_itself = False
    opened = await with_ears(stack)
    async with stack.page(opened) as page:
        await begin_to_speak(stack, opened, page)
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await page.state("paused", 1)
        await stack.renderer.server.stop()
        stack.renderer.faces.clear()
        assert "renderer" in (await page.type("error")).detail
        await page.state("listening", 1)
        stack.renderer.by_itself = True
        await stack.renderer.server.start()
        await until(lambda: opened["session"] in stack.renderer.faces)
        await stack.hear(opened, TurnOver, text="Still there?", **DELAYS)
        await page.state("listening", 2)
    assert page.of("caption", 2)


async def test_a_renderer_that_knows_no_pause_is_no_reason_to_fail(stack: Stack) -> None:
    """It goes on speaking; words interrupt it all the same."""
    stack.renderer.by_itself = False
    opened = await with_ears(stack)
    async with stack.page(opened) as page:
        await begin_to_speak(stack, opened, page)
        stack.renderer.knows_pause = False
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await page.state("paused", 1)
        await stack.hear(opened, Partial, text="stop it")
        await page.type("interrupted")
        await page.state("listening", 1)


# --- preparing a reply ------------------------------------------------------------------------------------------------


async def test_a_reply_is_ready_when_the_turn_is_over(stack: Stack) -> None:
    """Found, written and synthesised before, told and played only then; the same words, however spelt, adopt it."""
    opened = await with_ears(stack)
    async with stack.page(opened) as page:
        await page.state("listening")
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await stack.hear(opened, TurnLikelyOver, text="what is it", probability=0.8, backchannel=False)
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
    opened = await with_ears(stack)

    async def endless(question: Question) -> AsyncGenerator[AnswerEvent]:
        yield Delta(text="One two three four. ")
        if question.text == "What is":
            await asyncio.Event().wait()
        yield Done()

    stack.rag.script = endless
    async with stack.page(opened) as page:
        await page.state("listening")
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await stack.hear(opened, TurnLikelyOver, text="What is", probability=0.6, backchannel=False)
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


async def test_a_reply_that_could_not_be_prepared_is_tried_again(stack: Stack) -> None:
    """rag-llm was away for a moment: nobody hears of it, and the question is answered."""
    opened = await with_ears(stack)
    async with stack.page(opened) as page:
        await stack.rag.server.stop()
        await stack.hear(opened, TurnLikelyOver, text="What is it?", probability=0.8, backchannel=False)
        await page.type("transcript")
        await stack.rag.server.start()
        await stack.hear(opened, TurnOver, text="What is it?", **DELAYS)
        await page.state("listening", 1)
    assert not page.of("error")
    assert page.of("caption", 1)


async def test_ending_a_session_ends_what_was_being_prepared(stack: Stack) -> None:
    """No stream outlives it."""
    opened = await with_ears(stack)

    async def endless(_: Question) -> AsyncGenerator[AnswerEvent]:
        yield Delta(text="Well")
        await asyncio.Event().wait()

    stack.rag.script = endless
    await stack.hear(opened, TurnLikelyOver, text="What?", probability=0.8, backchannel=False)
    await until(lambda: stack.rag.questions)
    answer: httpx.Response = await stack.http.delete(
        f"/session/{opened['session']}", headers={"Authorization": f"Bearer {opened['token']}"}
    )
    assert answer.status_code == 204
    await until(lambda: stack.rag.closed == 1)
