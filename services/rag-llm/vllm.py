"""The production engine: a streamed chat completion of any OpenAI-compatible server, grounded on numbered passages.

Closing an answer closes the connection, and that stops the model. A server that is away, refuses or is slow before its
first word is stood in for by the extractive engine; the answer's second `retrieval` event says so.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx

from services.common.answering import AnswerEvent, Delta, Done, Failed, Retrieval
from services.common.logs import logger
from services.rag_llm.engine import AnswerEngine, passage_of
from services.rag_llm.knowledge import Found
from services.rag_llm.markers import Markers
from services.rag_llm.prompt import messages
from services.rag_llm.router import Route
from services.rag_llm.settings import RagSettings, VllmConfig


class ModelAway(Exception):
    """The model's server did not do its part; the message says what, as a sentence."""


class Vllm:
    """`fallback` answers while the server cannot."""

    name = "vllm"

    def __init__(self, settings: RagSettings, config: VllmConfig, fallback: AnswerEngine) -> None:
        self._config, self._fallback = config, fallback
        self._model = settings.vllm_model
        key = settings.vllm_api_key
        self._client = httpx.AsyncClient(
            base_url=f"{settings.vllm_url.rstrip('/')}/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(config.stall_timeout_s, connect=config.connect_timeout_s),
        )

    async def answer(self, found: Found) -> AsyncGenerator[AnswerEvent]:
        """The events of one answer. After the first word a failure ends it with `Failed`."""
        if found.route is Route.EMPTY:  # a model without passages would make something up
            async with aclosing(self._fallback.answer(found)) as events:
                async for event in events:
                    yield event
            return
        passages = [passage_of(hit) for hit in found.hits]
        yield Retrieval(passages=passages, ms=found.ms, route=found.route.value, reason=found.reason)
        ids = [passage.id for passage in passages]
        markers, spoke = Markers(), False
        usage: dict[str, int] = {}
        try:
            async with aclosing(self._completion(found)) as completion:
                async for part in completion:
                    usage |= {k: v for k, v in (part.get("usage") or {}).items() if isinstance(v, int)}
                    for delta in _deltas(markers.feed(_words(part)), ids):
                        spoke = True
                        yield delta
            for delta in _deltas(markers.end(), ids):
                spoke = True
                yield delta
            if not spoke:
                raise ModelAway("The model answered nothing.")
        except ModelAway as away:
            logger().warning("the model's server failed", reason=str(away), answers=self._fallback.name)
            if spoke:
                yield Failed(title="The answer broke off", detail=str(away))
                return
            async with aclosing(self._fallback.answer(found)) as events:
                async for event in events:
                    if isinstance(event, Retrieval):
                        event.route = f"{event.route}, answered by {self._fallback.name}: {away}"
                    yield event
            return
        yield Done(usage=usage)

    async def close(self) -> None:
        await self._client.aclose()
        await self._fallback.close()

    async def _completion(self, found: Found) -> AsyncGenerator[dict[str, Any]]:
        """The parts of the stream. Raises `ModelAway` for everything that is not one."""
        try:
            # One limit for all before the first word: the connection, the queue and the prompt.
            deadline = asyncio.get_running_loop().time() + self._config.first_token_timeout_s
            async with asyncio.timeout_at(deadline):
                body = {
                    "model": await self._served(),
                    "messages": messages(found, self._config.history_messages),
                    "stream": True,
                    "stream_options": {"include_usage": True},
                    "temperature": self._config.temperature,
                    "max_tokens": self._config.max_tokens,
                }
                request = self._client.build_request("POST", "chat/completions", json=body)
                response = await self._client.send(request, stream=True)
            try:
                if response.is_error:
                    raise ModelAway(f"The model's server refused: {response.status_code} {await _reason(response)}")
                parts = _parts(response)
                spoke = False
                while True:
                    async with asyncio.timeout_at(None if spoke else deadline):
                        part = await anext(parts, None)
                    if part is None:
                        return
                    spoke = spoke or bool(_words(part))
                    yield part
            finally:
                await response.aclose()
        except TimeoutError:
            raise ModelAway(f"The model said nothing for {self._config.first_token_timeout_s:g} s.") from None
        except httpx.TimeoutException as slow:
            raise ModelAway(f"The model's server is too slow ({type(slow).__name__}).") from slow
        except httpx.HTTPError as error:
            raise ModelAway(f"The model's server is away ({error or type(error).__name__}).") from error

    async def _served(self) -> str:
        """The model to ask: the configured one, else the first that the server lists."""
        if not self._model:
            response = await self._client.get("models")
            if response.is_error:
                raise ModelAway(f"The model's server lists no models ({response.status_code}); set VLLM_MODEL.")
            try:
                self._model = str(response.json()["data"][0]["id"])
            except (ValueError, LookupError, TypeError) as error:
                raise ModelAway("The model's server lists no models; set VLLM_MODEL.") from error
        return self._model


async def _parts(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The JSON objects of a server-sent stream, until `[DONE]`."""
    async for line in response.aiter_lines():
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        try:
            part = json.loads(data)
        except ValueError as error:
            raise ModelAway("The model's server sent what is not JSON.") from error
        if not isinstance(part, dict) or "error" in part:
            raise ModelAway(f"The model's server reports an error: {data[:200]}")
        yield part
    raise ModelAway("The model's server closed the stream before the end.")


def _words(part: dict[str, Any]) -> str:
    choices = part.get("choices") or [{}]
    return str((choices[0].get("delta") or {}).get("content") or "")


def _deltas(pieces: list[tuple[str, list[int]]], ids: list[str]) -> list[Delta]:
    """Numbers to passage ids; numbers that no passage has are dropped."""
    cited = [(text, [ids[n - 1] for n in numbers if 1 <= n <= len(ids)]) for text, numbers in pieces]
    return [Delta(text=text, citations=citations) for text, citations in cited if text or citations]


async def _reason(response: httpx.Response) -> str:
    return (await response.aread()).decode("utf-8", "replace")[:200]
