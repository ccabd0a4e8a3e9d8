"""rag-llm over HTTP, as its clients meet it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.common.answering import ANSWER_EVENTS
from services.common.bus import MemoryBus
from services.common.messages import CONTROL_PATTERN, SERVICES_CHANNEL, Cancel, Close, control_channel
from services.rag_llm.api.cancellation import RunningAnswers
from services.rag_llm.server import create_app
from services.rag_llm.settings import Config, RagSettings
from tests.rag.live import ask, listening, ready, until
from tests.rag.shop import DOCUMENTS


async def test_an_answer_in_order(client: httpx.AsyncClient) -> None:
    """What was found comes first, then the words with their citations, then the end; every event is of the contract."""
    heard = await ask(client, "How do I remove limescale from the Rocket?")
    for _, data in heard.events:
        ANSWER_EVENTS.validate_python(data)
    assert heard.names[0] == "retrieval"
    assert heard.names[-1] == "done"
    assert set(heard.names[1:-1]) == {"delta"}
    assert heard.names.count("delta") >= 2
    assert "vinegar" in heard.text
    assert heard.cited == ["rocket.md"]
    passage = heard.of("retrieval")[0]["passages"][0]
    assert passage["source"] == "rocket.md"
    assert passage["title"] == "Rocket kettle › Care"
    assert "vinegar" in passage["quote"]


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("Hello!", "greeting", "Hello! Ask me anything about"),
        ("Thank you", "thanks", "You're welcome."),
        ("Who are you?", "about_self", "avatar"),
        ("What is the capital of France?", "unknown", "I can't find that in my documents."),
        ("???", "unknown", "I can't find that in my documents."),
        ("日本語でお願いします", "unknown", "I can't find that in my documents."),
    ],
)
async def test_what_needs_no_document(client: httpx.AsyncClient, text: str, kind: str, said: str) -> None:
    """Greetings are greeted and what is not known is said so, without a citation."""
    heard = await ask(client, text)
    assert heard.route == kind
    assert said in heard.text
    assert heard.cited == []


async def test_the_history_counts(client: httpx.AsyncClient) -> None:
    """A follow-up is understood from the conversation that comes with it."""
    history = [
        {"role": "user", "content": "What does the Comet cost?"},
        {"role": "assistant", "content": "79 euros."},
    ]
    assert "49 euros" in (await ask(client, "and the Rocket?", history)).text


async def test_search_explains_its_scores(client: httpx.AsyncClient, config: Config) -> None:
    """A search gives as many passages as asked for, best first, with what their scores are made of."""
    response = await client.post("/v1/search", json={"query": "price of the Comet", "k": 3})
    results = response.json()["results"]
    assert [len(results), results[0]["source"]] == [3, "prices.html"]
    assert results == sorted(results, key=lambda result: -result["score"])
    best, other = results[0], next(result for result in results if not result["answers"])
    assert {"id", "title", "quote", "text", "fused", "words"} <= set(best)
    assert (best["answers"], best["form"], best["gives"], best["missing"], best["misnamed"]) == (
        True,
        "money",
        True,
        [],
        0,
    )
    assert 0 < best["similarity"] < 1
    assert best["coverage"] > other["coverage"]
    weight = config.retrieval.coverage_weight
    for result in results:
        made_of = result["similarity"] + weight * result["coverage"] + sum(result["adjusted"].values())
        assert result["score"] == pytest.approx(made_of, abs=1e-3)


async def test_an_answer_says_why(client: httpx.AsyncClient) -> None:
    """The retrieval event tells why a question took its route: the words that no document holds, or what it is like."""
    for text, route, reason in (
        ("Which voltage does the Rocket need?", "unknown", "nothing about voltage"),
        ("What does the Comet cost?", "corpus", "prices.html: similarity"),
        ("Hello!", "greeting", 'like "hello"'),
    ):
        heard = await ask(client, text)
        assert heard.route == route
        assert reason in heard.of("retrieval")[0]["reason"]


async def test_ingest_while_serving(client: httpx.AsyncClient, settings: RagSettings) -> None:
    """New, changed and deleted documents are taken over by a call, while questions go on being answered."""
    (settings.corpus_dir / "nova.md").write_text("# Nova kettle\n\nThe Nova is made of glass.\n")
    (settings.corpus_dir / "bad.pdf").write_bytes(b"bad")
    (settings.corpus_dir / "comet.md").unlink()
    ingesting = asyncio.create_task(client.post("/v1/ingest"))
    answers = await asyncio.gather(*(ask(client, "How much does the Rocket weigh?") for _ in range(8)))
    response = await ingesting
    assert all("1.2 kilograms" in heard.text for heard in answers)
    outcome = response.json()
    assert {key: outcome[key] for key in ("added", "changed", "removed", "documents")} == {
        "added": 1,
        "changed": 0,
        "removed": 1,
        "documents": len(DOCUMENTS),
    }
    assert list(outcome["skipped"]) == ["bad.pdf"]
    assert "glass" in (await ask(client, "What is the Nova made of?")).text


async def test_an_index_made_beside_the_service_is_taken_over(
    client: httpx.AsyncClient, settings: RagSettings, config: Config
) -> None:
    """`make ingest` beside a running service needs no restart."""
    (settings.corpus_dir / "nova.md").write_text("# Nova kettle\n\nThe Nova is made of glass.\n")
    async with (
        listening(create_app(settings, MemoryBus(), config)) as address,
        httpx.AsyncClient(base_url=address, timeout=20) as other,
    ):
        await ready(other)

    async def knows_it() -> bool:
        return "glass" in (await ask(client, "What is the Nova made of?")).text

    await until(knows_it)


@pytest.mark.parametrize(
    ("folder", "logged"),
    [
        ("empty", "There are no documents in {}: put Markdown"),
        ("nowhere", "There is no folder {}: make it and put documents there, or set CORPUS_DIR to another one."),
    ],
)
async def test_no_documents(
    tmp_path: Path, folder: str, logged: str, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without documents the service is up, says so with the folder, and takes the first ones without a restart."""
    (tmp_path / "empty").mkdir()
    settings = RagSettings(corpus_dir=tmp_path / folder, index_dir=tmp_path / "index")
    async with (
        listening(create_app(settings, MemoryBus(), config)) as address,
        httpx.AsyncClient(base_url=address, timeout=20) as client,
    ):
        await ready(client)
        assert logged.format(settings.corpus_dir) in capsys.readouterr().out
        heard = await ask(client, "How much does it weigh?")
        assert heard.route == "empty"
        assert "There are no documents yet" in heard.text
        assert (await client.post("/v1/search", json={"query": "kettle"})).json() == {"results": []}
        settings.corpus_dir.mkdir(exist_ok=True)
        (settings.corpus_dir / "a.md").write_text("The Rocket weighs 1.2 kilograms.")
        assert (await client.post("/v1/ingest")).json()["added"] == 1
        assert "1.2 kilograms" in (await ask(client, "How much does the Rocket weigh?")).text


async def test_an_index_that_cannot_be_written(tmp_path: Path) -> None:
    """A place that cannot hold the index is named, and the service stays up to say so."""
    (tmp_path / "file").write_text("not a folder")
    settings = RagSettings(corpus_dir=tmp_path, index_dir=tmp_path / "file")
    async with (
        listening(create_app(settings, MemoryBus())) as address,
        httpx.AsyncClient(base_url=address, timeout=20) as client,
    ):
        response = await client.post("/v1/ingest")
        assert response.status_code == 500
        assert "INDEX_DIR" in response.json()["detail"]
        response = await client.get("/readyz")
        assert (response.status_code, "INDEX_DIR" in response.json()["detail"]) == (503, True)
        response = await client.post("/v1/answer", json={"session": "s", "turn": 1, "text": "hi"})
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")


ANSWER = {"session": "s1", "turn": 1, "text": "hi"}
CHAT = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/answer", ANSWER | {"text": ""}, "text"),
        ("/v1/answer", ANSWER | {"text": "x" * 4001}, "text"),
        ("/v1/answer", ANSWER | {"text": 5}, "text"),
        ("/v1/answer", ANSWER | {"turn": 0}, "turn"),
        ("/v1/answer", ANSWER | {"session": "../x"}, "session"),
        ("/v1/answer", {"turn": 1, "text": "hi"}, "session"),
        ("/v1/answer", ANSWER | {"history": [{"role": "robot", "content": "x"}]}, "history[0].role"),
        ("/v1/answer", ANSWER | {"history": "x"}, "history"),
        ("/v1/search", {"query": ""}, "query"),
        ("/v1/search", {"query": "x", "k": 0}, "k"),
        ("/v1/search", {"query": "x", "k": 1000}, "k"),
        ("/v1/search", [], "body"),
        ("/v1/chat/completions", {"messages": []}, "messages"),
        ("/v1/chat/completions", {"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": " "}]}, "messages"),
        ("/v1/chat/completions", {"messages": [{"role": "user"}]}, "messages[0].content"),
        ("/v1/chat/completions", {"messages": CHAT, "stream": "perhaps"}, "stream"),
    ],
)
async def test_bad_input_is_named(client: httpx.AsyncClient, path: str, body: Any, field: str) -> None:
    """A bad field gets a 422 problem that names it, and the next question is answered."""
    response = await client.post(path, json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert field in response.json()["detail"]
    assert (await ask(client, "hello")).route == "greeting"


@pytest.mark.parametrize("path", ["/v1/answer", "/v1/search", "/v1/chat/completions"])
async def test_bad_json_and_large_bodies(client: httpx.AsyncClient, path: str) -> None:
    """What is no JSON is a 422, what is too large a 413."""
    headers = {"content-type": "application/json"}
    assert (await client.post(path, content=b"{nope", headers=headers)).status_code == 422
    assert (await client.post(path, content=b"\xff\xfe", headers=headers)).status_code in (400, 422)
    assert (await client.post(path, content=b"x" * (5 << 20), headers=headers)).status_code == 413


async def test_it_is_heard_on_the_bus(settings: RagSettings, bus: MemoryBus) -> None:
    """The service says on the bus that it is alive."""
    heartbeats = bus.subscribe(SERVICES_CHANNEL)
    first = asyncio.ensure_future(anext(heartbeats))
    await asyncio.sleep(0)
    async with listening(create_app(settings, bus)), asyncio.timeout(20):
        _, text = await first
    assert json.loads(text)["service"] == "rag-llm"


class Endless:
    """An answer that never ends by itself, and tells when it is stopped."""

    def __init__(self) -> None:
        self.stopped = False

    async def events(self) -> AsyncIterator[Any]:
        try:
            while True:
                yield ANSWER_EVENTS.validate_python({"type": "delta", "text": "word "})
                await asyncio.sleep(0)
        finally:
            self.stopped = True


@pytest.mark.parametrize(("cancelled", "ends"), [(3, True), (4, True), (2, False), (None, True)])
async def test_a_cancel_ends_its_turn_and_those_before(cancelled: int | None, ends: bool) -> None:
    """An answer ends when its turn or a later one is cancelled, its work is stopped, and other turns go on."""
    running, endless = RunningAnswers(), Endless()
    answer = running.until_cancelled("s", 3, endless.events())  # type: ignore[arg-type]  # a generator function
    assert (await anext(answer)).type == "delta"
    running.cancel("other", 99)
    running.cancel("s", cancelled)
    left = [event async for event, _ in _zip(answer, 5)]
    assert (left == []) is ends
    await answer.aclose()
    assert endless.stopped
    assert len(running) == 0


async def test_a_cancel_ends_what_waits_and_an_error_is_not_lost() -> None:
    """An answer that waits for its next word ends when it is cancelled; what fails by itself is raised, and over."""
    running, begun = RunningAnswers(), asyncio.Event()

    async def waits() -> AsyncIterator[Any]:
        begun.set()
        await asyncio.Event().wait()
        yield

    async def fails() -> AsyncIterator[Any]:
        raise TimeoutError("out of order")
        yield

    waiting = running.until_cancelled("s", 1, waits())  # type: ignore[arg-type]  # a generator function
    next_word = asyncio.create_task(anext(waiting, None))
    await begun.wait()
    running.cancel("s")
    assert await asyncio.wait_for(next_word, 5) is None
    with pytest.raises(TimeoutError, match="out of order"):
        await anext(running.until_cancelled("s", 2, fails()))  # type: ignore[arg-type]  # a generator function
    assert len(running) == 0


async def _zip(events: AsyncIterator[Any], count: int) -> AsyncIterator[tuple[Any, int]]:
    for n in range(count):
        try:
            yield await anext(events), n
        except StopAsyncIteration:
            return


async def test_what_is_no_control_message_is_ignored(
    client: httpx.AsyncClient, bus: MemoryBus, settings: RagSettings
) -> None:
    """Noise on the control channel, and messages for others, leave the service as it is."""
    assert CONTROL_PATTERN.endswith(":control")
    for message in (Close(session="s"), Cancel(session="s", turn=9)):
        await bus.publish(control_channel("s"), message)
    await bus.publish(control_channel("s"), ANSWER_EVENTS.validate_python({"type": "done"}))
    assert (await ask(client, "hello")).route == "greeting"
