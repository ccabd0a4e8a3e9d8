"""The vllm engine where its server is overloaded, silent, away or none: the documents stand in, and it is said."""

import asyncio
import socket
from typing import Any

import httpx
import pytest

from services.common.bus import MemoryBus
from services.rag_llm.server import create_app
from services.rag_llm.settings import RagSettings
from tests.rag.live import ask, listening, ready
from tests.rag.model_server import ModelServer, refusal


@pytest.fixture
def client(vllm_client: httpx.AsyncClient) -> httpx.AsyncClient:
    return vllm_client


@pytest.mark.parametrize("times", [1, 2])
async def test_an_overloaded_server_is_asked_again(client: httpx.AsyncClient, model: ModelServer, times: int) -> None:
    """A passing failure before the first word costs a moment; a second one the eloquence and nothing else."""
    model.refusals = [refusal(503, "too busy")] * times
    heard = await ask(client, "How much does the Rocket weigh?")
    assert heard.fallback == ("The model's server is overloaded (503)." if times == 2 else "")
    assert ("1.2 kilograms" if times == 2 else "1.2 kilos") in heard.text
    assert (heard.route, heard.cited, heard.names[-1]) == ("corpus", ["rocket.md"], "done")
    assert (await ask(client, "How much does the Rocket weigh?")).fallback == ""
    assert len(model.requests) == 3


async def test_a_server_that_failed_before_is_asked_once(client: httpx.AsyncClient, model: ModelServer) -> None:
    """While a server is down nobody waits for a second try; once it is back it gets one again."""
    model.refusals = [refusal(503, "too busy")] * 4
    for asked in (2, 3, 4):
        assert (await ask(client, "How much does the Rocket weigh?")).fallback
        assert len(model.requests) == asked
    assert not (await ask(client, "How much does the Rocket weigh?")).fallback
    model.refusals = [refusal(500, "oh")]
    assert not (await ask(client, "How much does the Rocket weigh?")).fallback


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (refusal(429, "slow down", **{"retry-after": "30"}), "overloaded (429)"),
        (refusal(400, "This model's maximum context length is 9 tokens."), "longer than the model's context"),
        (refusal(401, "Incorrect key: k3y"), "set VLLM_API_KEY"),
        (refusal(404, "The model `tiny` does not exist."), "no model 'tiny'"),
        (refusal(418, "no coffee"), "refused (418)"),
    ],
)
async def test_a_server_that_refuses_is_stood_in_for(
    client: httpx.AsyncClient, model: ModelServer, refused: Any, why: str
) -> None:
    """A refusal that would come again is not asked for again: the documents answer, and the event says why."""
    model.refusals = [refused]
    heard = await ask(client, "How much does the Rocket weigh?")
    assert "1.2 kilograms" in heard.text
    assert why in heard.fallback
    assert "k3y" not in heard.fallback
    assert len(model.requests) == 1
    metrics = (await client.get("/metrics")).text
    assert float(next(line for line in metrics.splitlines() if line.startswith("llm_fallbacks_total")).split()[1]) >= 1


@pytest.mark.parametrize("changed", [{"first_token_timeout_s": 1.0}])
async def test_a_server_that_says_nothing_is_stood_in_for(client: httpx.AsyncClient, model: ModelServer) -> None:
    """A first word that does not come in time is not waited for, and the model is stopped."""
    model.pause_after = 0
    heard = await ask(client, "How much does the Rocket weigh?")
    assert "1.2 kilograms" in heard.text
    assert heard.fallback == "The model said nothing for 1 s."
    async with asyncio.timeout(20):
        await model.stopped.wait()


@pytest.mark.parametrize("changed", [{"stall_timeout_s": 0.5}])
async def test_a_stream_that_stalls_is_ended(client: httpx.AsyncClient, model: ModelServer) -> None:
    """A model that falls silent in the middle ends the answer with a sentence, and is stopped."""
    model.pause_after = 3
    heard = await ask(client, "How much does the Rocket weigh?")
    assert (heard.text, heard.names[-1]) == ("The Rocket weighs", "error")
    assert "too slow" in heard.of("error")[0]["detail"]
    async with asyncio.timeout(20):
        await model.stopped.wait()


async def test_a_model_without_words_is_stood_in_for(client: httpx.AsyncClient, model: ModelServer) -> None:
    """An empty completion is no answer."""
    model.words = []
    heard = await ask(client, "How much does the Rocket weigh?")
    assert "1.2 kilograms" in heard.text


async def test_a_server_that_dies_in_the_middle(client: httpx.AsyncClient, model: ModelServer) -> None:
    """Once words were heard the answer does not start again: it ends with an error that says why."""
    model.cuts = [4, 4]
    heard = await ask(client, "How much does the Rocket weigh?")
    assert heard.text.strip() == "The Rocket weighs 1.2"
    assert heard.names[-1] == "error"
    assert "closed the stream" in heard.of("error")[0]["detail"]
    request = {"messages": [{"role": "user", "content": "How much does the Rocket weigh?"}]}
    response = await client.post("/v1/chat/completions", json=request)
    assert (response.status_code, "closed the stream" in response.json()["detail"]) == (502, True)


async def test_a_server_that_dies_before_its_first_word(client: httpx.AsyncClient, model: ModelServer) -> None:
    """Nothing was heard yet: the answer is asked for anew, and begins once."""
    model.cuts = [0]
    heard = await ask(client, "How much does the Rocket weigh?")
    assert (heard.text, heard.fallback) == ("The Rocket weighs 1.2 kilos. Anything else?", "")
    assert heard.names.count("retrieval") == 1


async def test_a_server_that_is_away(settings: RagSettings, bus: MemoryBus) -> None:
    """With nobody listening the extractive engine answers, and small talk is still small talk."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    engine = {"llm_engine": "vllm", "vllm_url": f"http://127.0.0.1:{port}/v1", "vllm_model": "tiny"}
    async with (
        listening(create_app(settings.model_copy(update=engine), bus)) as address,
        httpx.AsyncClient(base_url=address, timeout=20) as client,
    ):
        await ready(client)
        heard = await ask(client, "How much does the Rocket weigh?")
        assert "1.2 kilograms" in heard.text
        assert heard.fallback == f"The model's server at 127.0.0.1:{port} is away (ConnectError)."
        assert (await ask(client, "Hello")).text.startswith("Hello!")


async def test_an_address_that_is_no_model_server(
    client: httpx.AsyncClient, settings: RagSettings, bus: MemoryBus
) -> None:
    """Something else that listens there, such as this service's own port, is told from a model."""
    engine = {"llm_engine": "vllm", "vllm_url": str(client.base_url)}
    async with (
        listening(create_app(settings.model_copy(update=engine), bus)) as address,
        httpx.AsyncClient(base_url=address, timeout=20) as other,
    ):
        await ready(other)
        heard = await ask(other, "How much does the Rocket weigh?")
        assert "1.2 kilograms" in heard.text
        assert "set VLLM_MODEL" in heard.fallback


async def test_a_stream_without_the_usual_end(client: httpx.AsyncClient, model: ModelServer) -> None:
    """A server that says why it finished need not say [DONE] as well."""
    model.takes_leave = False
    assert (await ask(client, "How much does the Rocket weigh?")).names[-1] == "done"


@pytest.mark.parametrize(
    ("raw", "why", "asked"),
    [
        ("data: {nope\n\n", "sent what is no chat completion", 1),
        ("data: [1, 2]\n\n", "sent what is no chat completion", 1),
        ('data: {"choices": [{"delta": "words"}]}\n\n', "sent what is no chat completion", 1),
        ('data: {"error": {"message": "no memory for k3y"}}\n\n', "reports an error in the middle", 2),
        ("data: [DONE]\n\n", "closed the stream before the end", 2),
        ("", "closed the stream before the end", 2),
    ],
)
async def test_a_stream_that_is_no_completion(
    client: httpx.AsyncClient, model: ModelServer, raw: str, why: str, asked: int
) -> None:
    """Whatever comes instead of words, the documents answer, and what the server said is not passed on."""
    model.raw = [raw] * asked
    heard = await ask(client, "How much does the Rocket weigh?")
    assert "1.2 kilograms" in heard.text
    assert why in heard.fallback
    assert "k3y" not in heard.fallback
    assert len(model.requests) == asked


async def test_the_environment_is_left_alone(
    settings: RagSettings, bus: MemoryBus, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the proxies nor the OpenAI account that the environment names are used for the server of `VLLM_URL`."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "quokka")
    async with (
        listening(model.app()) as upstream,
        listening(
            create_app(settings.model_copy(update={"llm_engine": "vllm", "vllm_url": f"{upstream}/v1"}), bus)
        ) as address,
        httpx.AsyncClient(base_url=address, timeout=20, trust_env=False) as client,
    ):
        await ready(client)
        assert (await ask(client, "How much does the Rocket weigh?")).fallback == ""
    assert model.keys == [""]
    assert "quokka" not in str(model.headers)
