"""The OpenAI-compatible API, by OpenAI's own client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from services.common.bus import MemoryBus
from services.rag_llm.server import create_app
from services.rag_llm.settings import RagSettings
from tests.rag.live import listening, ready, until
from tests.rag.model_server import ModelServer, refusal

QUESTION: list[Any] = [{"role": "user", "content": "How much does the Rocket weigh?"}]


def openai_client(address: object) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="not needed", max_retries=0, timeout=20)


@pytest.fixture
async def chat(client: httpx.AsyncClient) -> AsyncIterator[openai.AsyncOpenAI]:
    """OpenAI's client, of the service with its extractive engine."""
    async with openai_client(str(client.base_url).rstrip("/")) as made:
        yield made


@pytest.fixture
def model() -> ModelServer:
    return ModelServer(words=["The ", "Rocket ", "weighs 1.2 ", "kilograms ", "[1]", ". ", "It flies."])


@pytest.fixture
async def model_chat(
    settings: RagSettings, bus: MemoryBus, model: ModelServer
) -> AsyncIterator[tuple[openai.AsyncOpenAI, httpx.AsyncClient]]:
    """OpenAI's client, of a service that asks a model; and a plain one."""
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(listening(model.app()))
        engine = {"llm_engine": "vllm", "vllm_url": f"{upstream}/v1"}
        address = await stack.enter_async_context(listening(create_app(settings.model_copy(update=engine), bus)))
        plain = await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=20))
        await ready(plain)
        yield await stack.enter_async_context(openai_client(address)), plain
        model.pause.set()


def extra(message: Any, name: str) -> Any:
    """A field that OpenAI's form does not have."""
    return (message.model_extra or {}).get(name)


async def test_a_whole_answer(chat: openai.AsyncOpenAI) -> None:
    """The same grounded answer, with its sources beside the text."""
    done = await chat.chat.completions.create(
        model="flashback",
        temperature=0.7,
        max_tokens=50,
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What does the Comet cost?"},
            {"role": "assistant", "content": "79 euros."},
            {"role": "user", "content": [{"type": "text", "text": "and the"}, {"type": "text", "text": "Rocket?"}]},
        ],
        extra_body={"top_k": 3, "something": {"new": True}},
    )
    choice = done.choices[0]
    assert (done.object, done.model, choice.finish_reason, choice.message.role) == (
        "chat.completion",
        "flashback",
        "stop",
        "assistant",
    )
    assert "49 euros" in (choice.message.content or "")
    assert [c["source"] for c in extra(choice.message, "citations")] == ["prices.html"]
    assert extra(choice.message, "unsupported") == []
    assert done.usage
    assert done.usage.total_tokens > 0


@pytest.mark.parametrize("include_usage", [True, False])
async def test_a_streamed_answer(chat: openai.AsyncOpenAI, include_usage: bool) -> None:
    """Chunks of one id that add up to the answer, a reason at its end, and the usage only where it is asked for."""
    stream = await chat.chat.completions.create(
        model="flashback",
        messages=[{"role": "user", "content": "How do I remove limescale from the Rocket?"}],
        stream=True,
        stream_options={"include_usage": include_usage},
    )
    chunks: list[ChatCompletionChunk] = [chunk async for chunk in stream]
    assert len({chunk.id for chunk in chunks}) == 1
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert choices[0].delta.role == "assistant"
    assert "vinegar" in "".join(choice.delta.content or "" for choice in choices)
    assert extra(choices[1].delta, "citations")[0]["source"] == "rocket.md"
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
    assert choices[-1].finish_reason == "stop"
    assert [bool(chunk.usage) for chunk in chunks].count(True) == include_usage
    assert bool(chunks[-1].usage) == include_usage


async def test_streamed_and_whole_are_one(
    model_chat: tuple[openai.AsyncOpenAI, httpx.AsyncClient], model: ModelServer
) -> None:
    """Words, sources, doubts, the end's reason and the usage of a model's answer are the same in both forms."""
    chat, _ = model_chat
    model.finish = "length"
    whole = await chat.chat.completions.create(model="flashback", messages=QUESTION)
    stream = await chat.chat.completions.create(
        model="flashback", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    message = whole.choices[0].message
    assert message.content == "".join(d.content or "" for d in deltas) == "The Rocket weighs 1.2 kilograms. It flies."
    for name, count in (("citations", 1), ("unsupported", 1)):
        assert extra(message, name) == [item for d in deltas for item in extra(d, name) or ()]
        assert len(extra(message, name)) == count
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "length"
    assert whole.choices[0].finish_reason == "length"
    assert whole.usage == chunks[-1].usage
    assert whole.usage
    assert whole.usage.total_tokens == 18


async def test_a_callers_system_message_stands_below_the_rules(
    model_chat: tuple[openai.AsyncOpenAI, httpx.AsyncClient], model: ModelServer
) -> None:
    """It reaches the model, in one message with the rules and after them."""
    chat, _ = model_chat
    await chat.chat.completions.create(
        model="flashback", messages=[{"role": "developer", "content": "Answer in German."}, *QUESTION]
    )
    asked = model.requests[0]["messages"]
    assert [m["role"] for m in asked] == ["system", "user"]
    assert asked[0]["content"].endswith("changes nothing.\n\nAnswer in German.")


async def test_a_model_that_is_away_is_said_to_be(
    model_chat: tuple[openai.AsyncOpenAI, httpx.AsyncClient], model: ModelServer
) -> None:
    """Where the documents answer for the model, the message says why, streamed or not."""
    chat, _ = model_chat
    model.refusals = [refusal(401, "no")] * 2
    whole = await chat.chat.completions.create(model="flashback", messages=QUESTION)
    assert "set VLLM_API_KEY" in extra(whole.choices[0].message, "fallback")
    stream = await chat.chat.completions.create(model="flashback", messages=QUESTION, stream=True)
    said = [extra(chunk.choices[0].delta, "fallback") async for chunk in stream if chunk.choices]
    assert [why for why in said if why] == [extra(whole.choices[0].message, "fallback")]


async def test_an_answer_that_breaks_off(
    model_chat: tuple[openai.AsyncOpenAI, httpx.AsyncClient], model: ModelServer
) -> None:
    """The client raises with our sentence: as a 502, or in the middle of the stream."""
    chat, _ = model_chat
    model.cuts = [3, 3]
    with pytest.raises(openai.InternalServerError, match="closed the stream") as refused:
        await chat.chat.completions.create(model="flashback", messages=QUESTION)
    assert refused.value.status_code == 502
    with pytest.raises(openai.APIError, match="closed the stream"):
        async for _chunk in await chat.chat.completions.create(model="flashback", messages=QUESTION, stream=True):
            pass


@pytest.mark.parametrize("streamed", [True, False])
async def test_leaving_stops_the_model(
    model_chat: tuple[openai.AsyncOpenAI, httpx.AsyncClient], model: ModelServer, streamed: bool
) -> None:
    """A client that goes away ends the generation, also while it waits for the whole answer; nobody else notices."""
    _, plain = model_chat
    model.pause_after = 2
    body = {"model": "flashback", "messages": QUESTION, "stream": streamed}

    async def ask() -> None:
        async with plain.stream("POST", "/v1/chat/completions", json=body) as response:
            await response.aread()

    asking = asyncio.create_task(ask())
    async with asyncio.timeout(20):
        await model.started.wait()
        asking.cancel()
        await model.stopped.wait()
    model.pause.set()
    assert (await plain.post("/v1/chat/completions", json=body | {"stream": False})).status_code == 200


async def test_running_chats_count_as_load(
    model_chat: tuple[openai.AsyncOpenAI, httpx.AsyncClient], model: ModelServer, bus: MemoryBus
) -> None:
    """The heartbeat tells of answers to any kind of client."""
    chat, _ = model_chat
    model.pause_after = 2
    loads: list[str] = []

    async def busy() -> bool:
        return '"sessions":1' in loads[-1] if loads else False

    async def listen() -> None:
        async for _, text in bus.subscribe("flashback:services"):
            loads.append(text)

    listener = asyncio.create_task(listen())
    asking = asyncio.create_task(chat.chat.completions.create(model="flashback", messages=QUESTION))
    await until(busy)
    model.pause.set()
    await asking
    listener.cancel()


async def test_models(chat: openai.AsyncOpenAI) -> None:
    """The model that is listed is the one that answers; another one is not found."""
    names = [model.id async for model in chat.models.list()]
    assert [(await chat.models.retrieve(name)).id for name in names] == names == ["flashback"]
    with pytest.raises(openai.NotFoundError, match="GET /v1/models lists"):
        await chat.models.retrieve("gpt-9")
    with pytest.raises(openai.NotFoundError, match="There is no model gpt-9"):
        await chat.chat.completions.create(model="gpt-9", messages=QUESTION)


IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}


@pytest.mark.parametrize(
    ("body", "field", "why"),
    [
        ({"n": 2}, "n", "one answer to a question"),
        ({"tools": [TOOL]}, "tools", "calls no tools"),
        ({"functions": [TOOL["function"]]}, "functions", "calls no tools"),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, "messages[0].content", "'image_url' cannot be used"),
        ({"messages": [{"role": "user", "content": ["text"]}]}, "messages[0].content", "reads text"),
        ({"messages": [{"role": "tool", "content": "x"}, *QUESTION]}, "messages[0].role", "'assistant'"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", "string"),
        ({"messages": [{"role": "user", "content": "x" * 4001}]}, "messages", "1 to 4000 characters"),
        ({"messages": [{"role": "system", "content": "x" * 20_001}, *QUESTION]}, "messages[0].content", "20000"),
        ({"messages": [{"role": "system", "content": "x" * 8001}, *QUESTION]}, "messages", "8000 characters together"),
        ({"messages": []}, "messages", "1 or more"),
        ({"stream": "perhaps"}, "stream", "true or false"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_a_sentence(
    chat: openai.AsyncOpenAI, body: dict[str, Any], field: str, why: str
) -> None:
    """OpenAI's client gets the sentence and the parameter where it looks for them."""
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        await chat.post("/chat/completions", body={"messages": QUESTION} | body, cast_to=object)
    error = refused.value
    assert error.param == field
    assert error.type == "invalid_request_error"
    assert isinstance(error.body, dict)
    assert why in error.body["message"]


async def test_what_means_nothing_is_let_pass(chat: openai.AsyncOpenAI) -> None:
    """Parameters at their defaults, spelt out by some clients, are no reason to refuse."""
    neutral = {"n": 1, "tools": [], "stream": None, "stream_options": None, "stop": None, "logit_bias": {}}
    long_talk = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello!"}] * 80
    response = await chat.post("/chat/completions", body=neutral | {"messages": long_talk + QUESTION}, cast_to=object)
    assert "1.2 kilograms" in str(response)
