"""Services and Redis going away and coming back: said in a sentence, and the next question works."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
import redis.asyncio as redis

from services.common.answering import AnswerEvent, Delta, Done, Failed, Question
from tests.common.redis_process import RedisProcess
from tests.orchestrator.conftest import Page, Stack
from tests.orchestrator.fakes import OFFER, WORD_MS, FakeRag, FakeTts
from tests.orchestrator.serving import until
from tests.orchestrator.speaking import lose_the_renderer


async def assert_still_speaks(page: Page) -> None:
    """The next question is answered aloud."""
    turn = max(e.turn for e in page.events) + 1
    await page.say("start_reply", text="Still there?")
    await page.state("thinking", turn)
    await page.state("listening", turn)
    assert page.of("caption", turn)
    assert not page.of("error", turn)


@pytest.mark.parametrize("kind", [FakeRag, FakeTts])
async def test_a_service_that_is_away_fails_the_turn_and_no_more(stack: Stack, kind: type) -> None:
    """rag-llm or tts away: an error that names it, listening again, and when it is back the session speaks."""
    service = stack.rag if kind is FakeRag else stack.tts
    name = "rag-llm" if kind is FakeRag else "tts"
    async with stack.page(await stack.open()) as page:
        await service.server.stop()
        await page.say("start_reply", text="What?")
        error = await page.type("error")
        assert (error.turn, name in error.detail) == (1, True)
        await page.state("listening", 1)
        await service.server.start()
        await assert_still_speaks(page)


async def breaks_off(_: Question) -> AsyncGenerator[AnswerEvent]:
    yield Delta(text="So far, so good. And ")


async def fails(_: Question) -> AsyncGenerator[AnswerEvent]:
    yield Delta(text="So far, so good. And ")
    yield Failed(title="Model", detail="The model ran out of memory.")


@pytest.mark.parametrize(
    ("script", "sentence"), [(breaks_off, "broke off"), (fails, "ran out of memory")], ids=["breaks off", "fails"]
)
async def test_an_answer_that_fails_in_the_middle_is_silenced_and_said(
    stack: Stack, script: object, sentence: str
) -> None:
    """What was heard of it stays; the rest is dropped at the renderer too; JSON callers get a 503."""
    good = stack.rag.script
    opened = await stack.open()
    async with stack.page(opened) as page:
        stack.rag.script = script  # type: ignore[assignment]
        answer = await stack.http.post("/answer", json={"text": "What?"})
        assert answer.status_code == 503
        assert sentence in answer.json()["detail"]
        assert sentence in (await page.type("error")).detail
        await page.state("listening", 1)
        assert stack.renderer.cancels == [(opened["session"], 1)]
        stack.rag.script = good
        await assert_still_speaks(page)


async def test_a_failing_text_answer_is_an_error(stack: Stack) -> None:
    """Without a session: 503 as JSON, an error event as a stream."""
    stack.rag.script = fails
    answer = await stack.http.post("/answer", json={"text": "What?"})
    assert (answer.status_code, "memory" in answer.json()["detail"]) == (503, True)
    answer = await stack.http.post("/answer", json={"text": "What?"}, headers={"Accept": "text/event-stream"})
    assert '"type":"error"' in answer.text


async def test_an_answer_that_is_no_stream_of_events_is_said(stack: Stack) -> None:
    """Something else may listen where rag-llm should."""
    stack.rag.media_type = "text/html"
    answer = await stack.http.post("/answer", json={"text": "What?"})
    assert (answer.status_code, answer.json()["detail"]) == (503, "The rag-llm service sent something unexpected.")


async def test_the_renderer_is_brought_back(stack: Stack) -> None:
    """Killed in the middle of an answer: the turn ends with an error, the avatar is put on the air again in its style,
    and the next question is answered."""
    stack.renderer.by_itself = False
    opened = await stack.open()
    async with stack.page(opened) as page:
        await page.say("set_style", style="night")
        await page.say("start_reply", text="What?")
        await until(lambda: stack.avatar(opened).end_ms >= 4 * WORD_MS)
        stack.avatar(opened).hear(2 * WORD_MS)
        await page.state("speaking", 1)
        await lose_the_renderer(stack, opened, page)
        assert stack.avatar(opened).style == "night"
        await assert_still_speaks(page)


async def test_while_the_renderer_is_away_questions_are_refused_in_a_sentence(stack: Stack) -> None:
    """Nobody could hear the answer: the turn fails, naming the renderer."""
    async with stack.page(await stack.open()) as page:
        await stack.renderer.server.stop()
        await page.say("start_reply", text="What?")
        assert "renderer" in (await page.type("error")).detail
        await page.state("listening", 1)


async def test_redis_may_go_away(stack: Stack, own_redis: RedisProcess) -> None:
    """Killed: live sessions go on, captions included, new ones are 503; started again: new ones open, the registry
    fills again."""
    stack.redis = own_redis
    await stack.restart()
    opened = await stack.open()
    async with stack.page(opened) as page:
        await page.state("listening")
        own_redis.kill()
        await assert_still_speaks(page)
        answer = await stack.http.post("/session", json={"sdp": OFFER})
        assert answer.status_code == 503
        assert "Redis" in answer.json()["detail"]
        joined = await stack.http.post("/session", json={"sdp": OFFER, "session": opened["session"]})
        assert joined.status_code == 201
        own_redis.start()
        await stack.open()
        await assert_still_speaks(page)
    async with redis.from_url(own_redis.url) as client:
        await until(lambda: client.exists(f"flashback:session:{opened['session']}"))


async def test_readiness_names_what_is_missing(stack: Stack) -> None:
    """Ready with everything there; 503 names each dependency that is away or not ready itself."""
    assert (await stack.http.get("/readyz")).status_code == 200
    stack.rag.not_ready = "index: no documents"
    await stack.tts.server.stop()
    answer = await stack.http.get("/readyz")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["rag-llm", "tts"])
    assert "no documents" in answer.json()["detail"]
    assert (await stack.http.get("/healthz")).status_code == 200


async def test_sessions_do_not_disturb_each_other(stack: Stack) -> None:
    """One session's endless thought, cancel and end leave another's answer as it is."""

    async def by_question(question: Question) -> AsyncGenerator[AnswerEvent]:
        if question.text == "endless":
            await asyncio.Event().wait()
        yield Delta(text=f"You asked {question.text} in this session.")
        yield Done()

    stack.rag.script = by_question
    one, two = await stack.open(), await stack.open()
    async with stack.page(one) as first, stack.page(two) as second:
        await first.say("start_reply", text="endless")
        await first.state("thinking", 1)
        await second.say("start_reply", text="apples")
        await second.state("listening", 1)
        await first.say("cancel")
        await first.type("interrupted")
        token = {"Authorization": f"Bearer {one['token']}"}
        assert (await stack.http.delete(f"/session/{one['session']}", headers=token)).status_code == 204
        await second.say("start_reply", text="pears")
        await second.state("listening", 2)
    assert " ".join(e.word for e in second.of("caption", 2)) == "You asked pears in this session."
    assert first.of("caption") == []
