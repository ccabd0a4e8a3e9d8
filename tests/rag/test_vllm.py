"""The vllm engine against a server that speaks its protocol: grounding, citations, stopping, standing in."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest

from services.common.bus import MemoryBus
from services.common.messages import Cancel, control_channel
from services.rag_llm.markers import Markers
from services.rag_llm.server import create_app
from services.rag_llm.settings import Config, RagSettings
from tests.rag.live import ask, events, listening, ready
from tests.rag.model_server import ModelServer

QUESTION = {"session": "s1", "turn": 1, "text": "How much does the Rocket weigh?"}


@pytest.fixture
def model() -> ModelServer:
    return ModelServer(words=["The ", "Rocket ", "weighs ", "1.2 ", "kilos ", "[", "1", "]", ". ", "Anything else?"])


@pytest.fixture
def patience() -> float:
    """How long the first word is waited for, s: longer than a busy machine makes it."""
    return 20.0


@pytest.fixture
async def client(
    settings: RagSettings, bus: MemoryBus, model: ModelServer, config: Config, patience: float
) -> AsyncIterator[httpx.AsyncClient]:
    """A service that asks the model server."""
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(listening(model.app()))
        engine = {"llm_engine": "vllm", "vllm_url": f"{upstream}/v1", "vllm_api_key": "k3y"}
        patient = config.model_copy(update={"vllm": config.vllm.model_copy(update={"first_token_timeout_s": patience})})
        app = create_app(settings.model_copy(update=engine), bus, patient)
        address = await stack.enter_async_context(listening(app))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=20))
        await ready(client)
        yield client
        model.pause.set()


async def test_a_grounded_answer(client: httpx.AsyncClient, model: ModelServer) -> None:
    """The model gets the passages by number, its words are passed on without markers, and markers become citations."""
    heard = await ask(client, "How much does the Rocket weigh?", [{"role": "user", "content": "Hello"}])
    assert heard.text == "The Rocket weighs 1.2 kilos. Anything else?"
    assert heard.cited == ["rocket.md"]
    assert heard.names[0] == "retrieval"
    assert heard.events[-1] == ("done", heard.of("done")[0])
    assert heard.of("done")[0]["usage"] == {"prompt_tokens": 11, "completion_tokens": 10, "total_tokens": 21}
    asked = model.requests[0]
    assert (asked["model"], asked["stream"], model.keys) == ("tiny", True, ["Bearer k3y"])
    assert [m["role"] for m in asked["messages"]] == ["system", "user", "user"]
    assert asked["messages"][1]["content"] == "Hello"
    assert "[1] Rocket kettle › Weight and size\nThe Rocket weighs 1.2 kilograms." in asked["messages"][-1]["content"]
    assert asked["messages"][-1]["content"].endswith("Question: How much does the Rocket weigh?")


async def test_words_arrive_while_the_model_still_writes(client: httpx.AsyncClient, model: ModelServer) -> None:
    """The first words are here before the last ones exist."""
    model.pause_after = 3
    async with asyncio.timeout(20), client.stream("POST", "/v1/answer", json=QUESTION) as response:
        stream = events(response)
        text = ""
        while "Rocket" not in text:
            name, data = await anext(stream)
            text += data["text"] if name == "delta" else ""
        model.pause.set()
        async for name, data in stream:
            text += data["text"] if name == "delta" else ""
    assert text.endswith("Anything else?")


@pytest.mark.parametrize("spoken", [0, 3])
async def test_closing_the_stream_stops_the_model(client: httpx.AsyncClient, model: ModelServer, spoken: int) -> None:
    """A client that goes away ends the generation, before its first word and in the middle of it."""
    model.pause_after = spoken
    async with asyncio.timeout(20):
        async with client.stream("POST", "/v1/answer", json=QUESTION) as response:
            stream = events(response)
            for _ in range(1 + min(spoken, 1)):
                await anext(stream)
            await model.started.wait()
        await model.stopped.wait()


async def test_a_cancel_on_the_bus_stops_the_model(
    client: httpx.AsyncClient, model: ModelServer, bus: MemoryBus
) -> None:
    """Cancelling the turn ends the answer without an end event, and the generation with it."""
    model.pause_after = 3
    names = []
    async with asyncio.timeout(20):
        async with client.stream("POST", "/v1/answer", json=QUESTION) as response:
            async for name, _ in events(response):
                names.append(name)
                if names.count("delta") == 1:
                    await bus.publish(control_channel("s1"), Cancel(session="s1", turn=1))
        await model.stopped.wait()
    assert "done" not in names


async def test_a_server_that_refuses_is_stood_in_for(client: httpx.AsyncClient, model: ModelServer) -> None:
    """An overloaded server costs the answer its eloquence and nothing else, and the event says so."""
    model.status = 503
    heard = await ask(client, "How much does the Rocket weigh?")
    assert "1.2 kilograms" in heard.text
    assert heard.cited == ["rocket.md"]
    assert heard.route.startswith("corpus, answered by extractive: The model's server refused: 503")
    assert heard.names[-1] == "done"
    model.status = 200
    assert (await ask(client, "How much does the Rocket weigh?")).text.startswith("The Rocket weighs 1.2 kilos.")


@pytest.mark.parametrize("patience", [1.0])
async def test_a_server_that_says_nothing_is_stood_in_for(client: httpx.AsyncClient, model: ModelServer) -> None:
    """A first word that does not come in time is not waited for, and the model is stopped."""
    model.pause_after = 0
    heard = await ask(client, "How much does the Rocket weigh?")
    assert "1.2 kilograms" in heard.text
    assert "said nothing for 1 s" in heard.route
    async with asyncio.timeout(20):
        await model.stopped.wait()


async def test_a_model_without_words_is_stood_in_for(client: httpx.AsyncClient, model: ModelServer) -> None:
    """An empty completion is no answer."""
    model.words = []
    heard = await ask(client, "How much does the Rocket weigh?")
    assert "1.2 kilograms" in heard.text


async def test_a_server_that_dies_in_the_middle(client: httpx.AsyncClient, model: ModelServer) -> None:
    """Once words were heard the answer does not start again: it ends with an error that says why."""
    model.cut_after = 4
    heard = await ask(client, "How much does the Rocket weigh?")
    assert heard.text == "The Rocket weighs 1.2"
    assert heard.names[-1] == "error"
    assert "closed the stream" in heard.of("error")[0]["detail"]
    request = {"messages": [{"role": "user", "content": "How much does the Rocket weigh?"}]}
    response = await client.post("/v1/chat/completions", json=request)
    assert (response.status_code, "closed the stream" in response.json()["detail"]) == (502, True)


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
        assert "server is away" in heard.route
        assert (await ask(client, "Hello")).text.startswith("Hello!")


@pytest.mark.parametrize(
    ("stream", "text", "numbers"),
    [
        (["It is red [1]."], "It is red.", [1]),
        (["It is red [", "1", "]."], "It is red.", [1]),
        (["It is red", " ", "[1", ", 3]", ". It"], "It is red. It", [1, 3]),
        (["It is red. [1][2]"], "It is red.", [1, 2]),
        (["It is red.[1] ", "It is big.[2]"], "It is red. It is big.", [1, 2]),
        (["An array a[", "i] is not one"], "An array a[i] is not one", []),
        (["An open [12"], "An open [12", []),
        (["[1] first"], " first", [1]),
        (["a " * 3, "b"], "a a a b", []),
    ],
)
def test_markers(stream: list[str], text: str, numbers: list[int]) -> None:
    """Markers are found however the stream is cut, and what is none is said."""
    for pieces in (stream, list("".join(stream))):
        markers = Markers()
        found = [piece for part in pieces for piece in markers.feed(part)] + markers.end()
        assert "".join(said for said, _ in found) == text
        assert [n for _, cited in found for n in cited] == numbers
