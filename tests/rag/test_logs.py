"""What stays out of the log: what is asked, read and said, and the key."""

import logging
from collections.abc import AsyncGenerator
from typing import Literal

import httpx
import pytest

from services.common.answering import AnswerEvent
from services.common.bus import MemoryBus
from services.rag_llm.answering.extractive.engine import Extractive
from services.rag_llm.answering.knowledge import Found
from services.rag_llm.server import create_app
from services.rag_llm.settings import RagSettings
from tests.rag.live import ask, listening, ready
from tests.rag.model_server import ModelServer, refusal

KEY = "sk-narwhal"
ASKED, EARLIER, READ, SAID = "pangolin", "axolotl", "quokka", "zebrafinch"
PRIVATE = (ASKED, EARLIER, READ, SAID, KEY)
QUESTION = f"How many years does a quokka live, {ASKED}?"
HISTORY = [{"role": "user", "content": EARLIER}, {"role": "assistant", "content": EARLIER}]


async def use(client: httpx.AsyncClient) -> None:
    """Everything that people do with the service, well and badly."""
    await ask(client, QUESTION, HISTORY)
    await client.post("/v1/search", json={"query": QUESTION})
    chat = {"messages": [*HISTORY, {"role": "user", "content": QUESTION}]}
    for body in (chat, chat | {"stream": True}, chat | {"n": 2}, chat | {"model": ASKED}, {"messages": [QUESTION]}):
        await client.post("/v1/chat/completions", json=body)
    for bad in ({"text": QUESTION}, {"session": "s", "turn": 0, "text": QUESTION, "history": QUESTION}):
        await client.post("/v1/answer", json=bad)
    await client.post("/v1/answer", content=f"{{{QUESTION}")


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("engine", ["extractive", "vllm"])
async def test_nobodys_words_are_logged(
    settings: RagSettings,
    bus: MemoryBus,
    engine: Literal["extractive", "vllm"],
    form: Literal["console", "json"],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Through whole answers and all kinds of failure, at level info: no question, passage, answer or key."""
    (settings.corpus_dir / "animals.md").write_text(f"# Animals\n\nA {READ} lives ten years.\n")
    model = ModelServer(words=[f"A {SAID} ", "lives ten years [1]. ", "It flies."])
    async with listening(model.app()) as upstream:
        changed = {"llm_engine": engine, "vllm_url": f"{upstream}/v1", "vllm_api_key": KEY, "log_format": form}
        app = create_app(settings.model_copy(update=changed), bus)
        async with (
            listening(app) as address,
            # What a service does not catch ends the stream; the client is not what is tested here.
            httpx.AsyncClient(base_url=address, timeout=20) as client,
        ):
            await ready(client)
            await use(client)
            echo = f"cannot take {QUESTION} from {KEY}"
            for status in (400, 401, 404, 418, 500, 503):
                model.refusals = [refusal(status, echo)] * 2
                await ask(client, QUESTION)
            model.cuts = [1, 1]
            await ask(client, QUESTION)
            model.words = ["\ud83d" + SAID]
            await ask(client, QUESTION)
            monkeypatch.setattr(Extractive, "answer", _broken)
            model.refusals = [refusal(503, echo)] * 2
            with pytest.raises(httpx.RemoteProtocolError):
                await ask(client, QUESTION)
    out = capsys.readouterr().out + capsys.readouterr().err
    assert "the corpus is read" in out
    assert "the model's server failed" in out or engine == "extractive"
    assert "this engine is broken" in out
    assert [word for word in PRIVATE if word in out.lower()] == []


async def _broken(self: Extractive, found: Found) -> AsyncGenerator[AnswerEvent]:
    asked = found.asked.text
    if asked:
        raise RuntimeError("this engine is broken")
    yield  # type: ignore[misc]  # never reached: this makes it a generator


async def test_debug_shows_the_servers_words_but_never_the_key(
    settings: RagSettings, bus: MemoryBus, capsys: pytest.CaptureFixture[str]
) -> None:
    """At level debug a refusal can be understood, and the key is still not there."""
    model = ModelServer(refusals=[refusal(418, "only coffee here")])
    async with listening(model.app()) as upstream:
        changed = {"llm_engine": "vllm", "vllm_url": f"{upstream}/v1", "vllm_api_key": KEY, "log_level": "debug"}
        async with (
            listening(create_app(settings.model_copy(update=changed), bus)) as address,
            httpx.AsyncClient(base_url=address, timeout=20) as client,
        ):
            await ready(client)
            await ask(client, QUESTION)
    logging.getLogger().setLevel(logging.INFO)
    out = capsys.readouterr().out
    assert model.keys == [f"Bearer {KEY}"]
    assert "only coffee here" in out
    assert KEY not in out
