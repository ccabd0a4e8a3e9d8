"""Where asr listens: it comes, goes, is full, is told what the avatar says."""

import pytest

from services.common import tokens
from services.common.answering import Delta
from services.common.utterances import ListeningEnded, SpeechStarted, TurnOver
from tests.orchestrator.conftest import SECRET, Stack
from tests.orchestrator.serving import until
from tests.orchestrator.speaking import DELAYS, TEXT, begin_to_speak, transcribed


async def test_asr_listens_where_a_session_is_and_no_longer(stack: Stack) -> None:
    """It gets the gateway's address and a token of its own role; at the session's end it is told to leave."""
    opened = await transcribed(stack)
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
    """Readiness does not depend on it, sessions open and speak; states say that nobody listens."""
    await stack.restart(asr_url="http://127.0.0.1:9")
    assert (await stack.http.get("/readyz")).status_code == 200
    async with stack.page(await stack.open()) as page:
        await page.say("start_reply", text="What is it?")
        await page.state("listening", 1)
    assert not any(e.ears for e in page.of("state"))


async def test_asr_that_comes_back_is_told_again(stack: Stack) -> None:
    """Killed in mid-sentence: what it had begun counts as nothing, the answer goes on; then it hears again."""
    stack.renderer.by_itself = False
    opened = await transcribed(stack)
    avatar = stack.avatar(opened)
    async with stack.page(opened) as page:
        await begin_to_speak(stack, opened, page)
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await page.state("paused")
        stack.asr.listens.clear()
        await stack.beat("run2")
        await page.state("speaking")
        await until(lambda: opened["session"] in stack.asr.listens)
        avatar.hear(avatar.end_ms)
        await page.state("listening", 1)
        stack.renderer.by_itself = avatar.by_itself = True
        await stack.hear(opened, SpeechStarted, "run2", onset_ms=80)
        await stack.hear(opened, TurnOver, "run2", text="Still there?", **DELAYS)
        await page.state("thinking", 2)
        await page.state("listening", 2)
    assert [e.text for e in page.of("transcript") if e.final] == ["", "Still there?"]


async def test_asr_that_goes_away_lets_the_answer_go_on(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent for too long it counts as gone: what it had begun was nothing, and pages know that nobody listens."""
    stack.renderer.by_itself = False
    opened = await transcribed(stack)
    async with stack.page(opened) as page:
        await begin_to_speak(stack, opened, page)
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await page.state("paused")
        await stack.asr.server.stop()
        monkeypatch.setattr("services.orchestrator_api.lib.upstream.transcription.LOST_S", 0.0)
        await page.state("speaking")
        await page.until(lambda e: e.type == "state" and not e.ears)
        stack.avatar(opened).hear(stack.avatar(opened).end_ms)
        await page.state("listening", 1)


async def test_asr_that_is_full_leaves_a_session_unheard(stack: Stack) -> None:
    """Until it has room: then it is asked again, and the page told."""
    await stack.start_asr()
    stack.asr.full = True
    opened = await stack.open()
    async with stack.page(opened) as page:
        await until(lambda: stack.asr.refused)
        await page.say("start_reply", text="What is it?")
        await page.state("listening", 1)
        assert not any(e.ears for e in page.of("state"))
        stack.asr.full = False
        await page.until(lambda e: e.type == "state" and e.ears)


async def test_an_adopted_session_is_heard(stack: Stack) -> None:
    """The orchestrator after this one lets asr listen again where it took a session over."""
    opened = await transcribed(stack)
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
    opened = await transcribed(stack)
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
    opened = await transcribed(stack)
    session, avatar = opened["session"], stack.avatar(opened)
    async with stack.page(opened) as page:
        await page.until(lambda e: e.type == "state" and e.ears)
        await begin_to_speak(stack, opened, page)
        await until(lambda: stack.asr.spoken == [(session, 1, TEXT)])
        await page.say("cancel")
        await until(lambda: stack.asr.spoken[-1] == (session, 1, ""))
    assert avatar.cancelled == 1


async def test_asr_that_cannot_go_on_in_a_session_is_told_again(stack: Stack) -> None:
    """What it had begun counts as nothing, pages know that they have no ears, and soon they have."""
    stack.renderer.by_itself = False
    opened = await transcribed(stack)
    async with stack.page(opened) as page:
        await begin_to_speak(stack, opened, page)
        await stack.hear(opened, SpeechStarted, onset_ms=80)
        await page.state("paused")
        stack.asr.listens.clear()
        await stack.hear(opened, ListeningEnded, reason="fault")
        await page.state("speaking")
        await page.until(lambda e: e.type == "state" and not e.ears)
        await until(lambda: opened["session"] in stack.asr.listens)
        await page.until(lambda e: e.type == "state" and e.ears)
