"""Turns over HTTP and WebSocket: asked, written, spoken, heard, interrupted."""

import asyncio
from collections.abc import AsyncGenerator

import httpx
import pytest

from services.common.answering import AnswerEvent, Delta, Done, Question, Retrieval, Unsupported
from services.common.messages import EVENTS, Event
from tests.orchestrator.conftest import Stack
from tests.orchestrator.fakes import PASSAGE, WORD_MS, says
from tests.orchestrator.serving import until

TEXT = "One two three four. Five six seven eight nine ten."


async def sse(answer: httpx.Response) -> list[Event]:
    """Every event of a stream, checked against the contract."""
    events, name, id = [], "", ""
    async for line in answer.aiter_lines():
        field, _, value = line.partition(": ")
        match field:
            case "event":
                name = value
            case "id":
                id = value
            case "data":
                event = EVENTS.validate_json(value)
                assert (event.type, event.event_id) == (name, id)
                events.append(event)
    return events


async def test_an_answer_is_written_spoken_captioned_and_finished(stack: Stack) -> None:
    """A question gives text, citations, captions, playback and numbers, and ends in listening."""
    opened = await stack.open()
    async with stack.page(opened) as page:
        await page.state("listening", 0)
        await page.say("start_reply", text="What is it?")
        await page.state("thinking", 1)
        await page.state("listening", 1)
    assert "".join(e.text for e in page.of("answer_delta")) == TEXT
    assert " ".join(e.word for e in page.of("caption")) == TEXT
    assert [e.phase for e in page.of("playback") if e.phase != "playing"] == ["started", "finished"]
    assert [e.state for e in page.of("state")] == ["listening", "thinking", "speaking", "listening"]
    assert [(e.source, e.t) for e in page.of("citation")] == [("product/voice.md", 0)]
    assert {e.session for e in page.events} == {opened["session"]}
    numbers = page.of("metrics")[-1]
    assert 0 < numbers.rag_retrieval_latency <= numbers.llm_ttft <= numbers.llm_ttfs <= numbers.tts_ttfb
    assert numbers.tts_ttfb <= numbers.e2e_latency
    assert (numbers.final_fps, numbers.underruns_total) == (15, 0)


async def test_speech_reaches_the_renderer_without_a_gap_and_ends_once(stack: Stack) -> None:
    """Clauses follow each other to the millisecond, in the clause cutter's order; only the last message is final."""
    stack.renderer.by_itself = False
    opened = await stack.open()
    await stack.http.post("/answer", json={"text": "What is it?"})
    avatar = stack.avatar(opened)
    await until(lambda: avatar.ended)
    assert stack.tts.spoken == [(1, "One two three four."), (1, "Five six seven eight nine ten.")]
    assert [w.t0 for w in avatar.words] == [n * WORD_MS for n in range(10)]
    assert [s.final for s in avatar.speech].count(True) == 1
    assert avatar.speech[-1].final


async def test_what_no_passage_bears_out_is_told(stack: Stack) -> None:
    """A doubted sentence is spoken like the others, and said to be doubted on the socket and in the answer."""

    async def doubtful(_: Question) -> AsyncGenerator[AnswerEvent]:
        yield Retrieval(passages=[PASSAGE], ms=1.0)
        yield Delta(text="The voice is cloned")
        yield Delta(text="", citations=["p1"])
        yield Delta(text=". It sings.")
        yield Unsupported(text="It sings.", reason="It cites no passage.")
        yield Done()

    stack.rag.script = doubtful
    opened = await stack.open()
    async with stack.page(opened) as page:
        answer = (await stack.http.post("/answer", json={"text": "What is it?"})).json()
        await page.state("listening", 1)
    doubt = {"text": "It sings.", "reason": "It cites no passage."}
    assert (answer["text"], answer["unsupported"]) == ("The voice is cloned. It sings.", [doubt])
    assert [(e.text, e.reason) for e in page.of("unsupported")] == [tuple(doubt.values())]
    assert [e.text for e in page.of("answer_delta")] == ["The voice is cloned", ". It sings."]
    assert [(e.source, e.t) for e in page.of("citation")] == [("product/voice.md", 0)]
    assert " ".join(e.word for e in page.of("caption")) == "The voice is cloned. It sings."


async def test_the_first_clause_is_spoken_while_the_rest_is_still_written(stack: Stack) -> None:
    """Speech starts at the first clause's end, and ends properly even where its last words went out before."""
    rest = asyncio.Event()

    async def slowly(_: Question) -> AsyncGenerator[AnswerEvent]:
        yield Delta(text="First of all, ")
        await rest.wait()
        yield Done()

    stack.rag.script = slowly
    opened = await stack.open()
    async with stack.page(opened) as page:
        await page.say("start_reply", text="What is it?")
        await page.state("speaking", 1)
        await page.until(lambda e: e.type == "caption" and e.word == "all,")
        rest.set()
        await page.state("listening", 1)
    assert page.of("playback")[-1].phase == "finished"
    assert stack.avatar(opened).ended


async def test_the_answer_as_json_comes_when_its_text_is_complete(stack: Stack) -> None:
    """Text, sources and what is known of the latency, before it was spoken to the end."""
    stack.renderer.by_itself = False
    opened = await stack.open()
    answer = (await stack.http.post("/answer", json={"text": "What is it?"})).json()
    assert (answer["session"], answer["turn"], answer["text"]) == (opened["session"], 1, TEXT)
    assert answer["spoken"] is True
    assert answer["citations"] == [{"source": "product/voice.md", "title": "Voice", "quote": "The voice is cloned."}]
    assert answer["latency"]["llm_ttft"] > 0
    shown = (await stack.http.get(f"/session/{opened['session']}")).json()
    assert shown["state"] in ("thinking", "speaking")


async def test_the_answer_as_a_stream_is_the_turn(stack: Stack) -> None:
    """With Accept: text/event-stream come exactly the turn's events, from thinking to listening."""
    await stack.open()
    headers = {"Accept": "text/event-stream"}
    for turn in (1, 2):
        async with stack.http.stream("POST", "/answer", json={"text": "What?"}, headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            events = await sse(answer)
        assert {e.turn for e in events} == {turn}
        assert [e.state for e in events if e.type == "state"] == ["thinking", "speaking", "listening"]
        assert "".join(e.text for e in events if e.type == "answer_delta") == TEXT


async def test_without_a_session_the_answer_is_text(stack: Stack) -> None:
    """A bare curl gets an answer, as JSON and as a stream; nothing is synthesised."""
    answer = await stack.http.post("/answer", json={"text": "What is it?"})
    assert answer.status_code == 200
    assert answer.json()["text"] == TEXT
    assert (answer.json()["spoken"], answer.json()["session"]) == (False, None)
    assert len(answer.json()["citations"]) == 1
    headers = {"Accept": "text/event-stream"}
    async with stack.http.stream("POST", "/answer", json={"text": "What?"}, headers=headers) as stream:
        events = await sse(stream)
    assert "".join(e.text for e in events if e.type == "answer_delta") == TEXT
    assert [e.type for e in events if e.type != "answer_delta"] == ["citation", "metrics"]
    assert stack.tts.spoken == []


async def test_hanging_up_on_a_text_answer_stops_the_model(stack: Stack) -> None:
    """Nobody reads the stream any more: neither does the orchestrator."""

    async def endless(_: Question) -> AsyncGenerator[AnswerEvent]:
        yield Delta(text="Well. ")
        await asyncio.Event().wait()

    stack.rag.script = endless
    async with stack.http.stream(
        "POST", "/answer", json={"text": "What?"}, headers={"Accept": "text/event-stream"}
    ) as answer:
        await anext(answer.aiter_lines())
    await until(lambda: stack.rag.closed == 1)


async def test_several_sessions_have_to_be_named(stack: Stack) -> None:
    """With two live sessions a question without one is 409 and lists them; named, each answers for itself."""
    first, second = await stack.open(), await stack.open()
    ids = {first["session"], second["session"]}
    for path, body in (("/answer", {"text": "What?"}), ("/cancel", {}), ("/style", {"style": "night"})):
        answer = await stack.http.post(path, json=body)
        assert answer.status_code == 409
        assert set(answer.json()["sessions"]) == ids
    answer = await stack.http.post("/answer", json={"text": "What?", "session": second["session"]})
    assert answer.json()["session"] == second["session"]
    assert stack.avatar(first).turn == 0


@pytest.mark.parametrize("how", ["cancel over http", "cancel", "user_speaking", "another question"])
async def test_an_interrupted_turn_ends_at_once_and_for_good(stack: Stack, how: str) -> None:
    """Renderer, voice and model stop; `interrupted` says what was heard; nothing of the turn follows it."""
    stack.renderer.by_itself = False
    stopped = asyncio.Event()

    async def endless(question: Question) -> AsyncGenerator[AnswerEvent]:
        if question.turn > 1:
            yield Done()
            return
        try:
            yield Delta(text="One two three four five. ")
            while True:
                yield Delta(text="More and more. ")
                await asyncio.sleep(0.01)
        finally:
            stopped.set()

    stack.rag.script = endless
    opened = await stack.open()
    avatar = stack.avatar(opened)
    async with stack.page(opened) as page:
        await page.say("start_reply", text="What is it?")
        await until(lambda: avatar.end_ms >= 5 * WORD_MS)
        avatar.hear(3 * WORD_MS)
        await page.until(lambda e: e.type == "caption" and e.word == "three")
        match how:
            case "cancel over http":
                answer = await stack.http.post("/cancel", json={})
                assert answer.json() == {"session": opened["session"], "turn": 1, "heard_text": "One two three"}
            case "another question":
                await page.say("start_reply", text="And now?")
            case "user_speaking":
                await page.say("user_speaking", speaking=True)
                await page.state("paused", 1)
                stack.timers.go_off()
            case _:
                await page.say("cancel")
        interrupted = await page.type("interrupted")
        assert (interrupted.turn, interrupted.heard_text) == (1, "One two three")
        avatar.hear(avatar.end_ms)  # a renderer that tells late of what it was told to drop
        before = len(page.events)
        await page.say("start_reply", text="And then?")
        await page.state("listening", 3 if how == "another question" else 2)
    assert [e for e in page.events[before:] if e.turn == 1 and e.type != "state"] == []
    assert page.of("metrics", 1)[-1].interruption_to_silence_ms > 0
    assert stack.renderer.cancels[0] == (opened["session"], 1)
    await asyncio.wait_for(stopped.wait(), 5)


async def test_only_what_was_heard_enters_the_history(stack: Stack) -> None:
    """The next answer knows of an interrupted one only the heard words, of a finished one the whole text."""
    stack.renderer.by_itself = False
    opened = await stack.open()
    avatar = stack.avatar(opened)
    await stack.http.post("/answer", json={"text": "First?"})
    await until(lambda: avatar.end_ms >= 4 * WORD_MS)
    avatar.hear(2 * WORD_MS)
    await stack.http.post("/cancel", json={})
    avatar.by_itself = True
    async with stack.page(opened) as page:
        await page.say("start_reply", text="Second?")
        await page.state("thinking", 2)
        await page.state("listening", 2)
    await stack.http.post("/answer", json={"text": "Third?"})
    said = [(m.role, m.content) for m in stack.rag.questions[-1].history]
    assert said == [("user", "First?"), ("assistant", "One two"), ("user", "Second?"), ("assistant", TEXT)]


async def test_a_question_that_is_cancelled_before_its_text_is_complete_says_so(stack: Stack) -> None:
    """Whoever waits for the JSON of a cancelled turn gets 409 and not silence."""

    async def endless(_: Question) -> AsyncGenerator[AnswerEvent]:
        yield Delta(text="Well")
        await asyncio.Event().wait()

    stack.rag.script = endless
    await stack.open()
    asking = asyncio.create_task(stack.http.post("/answer", json={"text": "What?"}))
    await until(lambda: stack.rag.questions)
    assert (await stack.http.post("/cancel", json={})).status_code == 200
    answer = await asking
    assert answer.status_code == 409
    assert "interrupted" in answer.json()["detail"]


async def test_speech_does_not_run_further_ahead_than_the_buffer(stack: Stack) -> None:
    """However fast the voice is, the renderer holds no more than BUFFER_SECONDS, and nothing is refused or lost."""
    stack.renderer.by_itself = False
    stack.rag.script = says(" ".join(["word"] * 40) + ".")
    opened = await stack.open()
    avatar = stack.avatar(opened)
    await stack.http.post("/answer", json={"text": "What?"})
    ahead = 0
    while not avatar.ended:
        await asyncio.sleep(0.005)
        ahead = max(ahead, avatar.end_ms - avatar.heard_ms)
        avatar.hear(avatar.heard_ms + 400)
    assert ahead <= 2500
    assert stack.renderer.refusals == 0
    assert len(avatar.words) == 40


async def test_a_full_renderer_is_waited_for(stack: Stack) -> None:
    """What the renderer refuses with 429 is sent again after Retry-After: every word arrives, in order."""
    stack.renderer.by_itself = False
    stack.renderer.buffer_ms = 400  # less than the orchestrator believes
    stack.rag.script = says("One two three four.")
    opened = await stack.open()
    avatar = stack.avatar(opened)
    await stack.http.post("/answer", json={"text": "What?"})
    await until(lambda: stack.renderer.refusals)
    avatar.hear(avatar.end_ms)
    await until(lambda: avatar.ended)
    assert " ".join(w.text for w in avatar.words) == "One two three four."


async def test_an_answer_without_a_word_to_say_ends_by_itself(stack: Stack) -> None:
    """Nothing to say aloud, or nothing that the voice can say: the turn ends in listening, without an error."""
    opened = await stack.open()
    async with stack.page(opened) as page:
        stack.rag.script = says("...")
        await page.say("start_reply", text="What?")
        await page.state("thinking", 1)
        await page.state("listening", 1)
        stack.tts.failing = 422
        stack.rag.script = says("Hm hm hm.")
        await page.say("start_reply", text="What?")
        await page.state("thinking", 2)
        await page.state("listening", 2)
    assert page.of("error") == []
