"""A server that speaks OpenAI's chat completions, vLLM first: what it serves, how it counts, what it streams.

Everything that goes wrong is a `ServerAway` in our own words. What the server says about it may quote the prompt or the
key, so it is logged at debug and goes no further.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.common.logs import logger
from services.rag_llm.answering.chat.prompt import Prompt
from services.rag_llm.settings import RagSettings, VllmConfig


class ServerAway(Exception):
    """The model's server did not do its part; the message says what, as a sentence.

    `after_s`: another try may succeed after so long; None: it would fail in the same way.
    """

    def __init__(self, why: str, after_s: float | None = None) -> None:
        super().__init__(why)
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class Served:
    """The model that answers; `context`: tokens of prompt and answer together, None if the server does not tell."""

    model: str
    context: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a completion. `finish` is why it ended, in the last one that says so."""

    words: str = ""
    finish: str = ""
    usage: dict[str, int] = field(default_factory=dict)


class ChatServer:
    """One server's address and its open connections."""

    def __init__(self, settings: RagSettings, config: VllmConfig) -> None:
        self._config, self._model = config, settings.vllm_model
        self._address = settings.vllm_url.rstrip("/")
        self._place = httpx.URL(self._address).netloc.decode()  # without a name and password that it may hold
        key = settings.vllm_api_key
        self._http = httpx.AsyncClient(
            base_url=f"{self._address}/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(config.stall_timeout_s, connect=config.connect_timeout_s),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
        )
        self._served: Served | None = None
        self._counts = True

    async def close(self) -> None:
        await self._http.aclose()

    def forget(self) -> None:
        """Ask anew what is served: a server that comes back may be another one."""
        self._served, self._counts = None, True

    async def served(self) -> Served:
        """`VLLM_MODEL`, else the first model that the server lists, with the server's own limit."""
        if self._served is None:
            async with self._answer(self._http.build_request("GET", "models")) as response:
                if not response.is_success and not self._model:
                    raise ServerAway(f"The model's server lists no models ({response.status_code}); set VLLM_MODEL.")
                listed = _models(await response.aread())
            model = self._model or next(iter(listed), "")
            if not model:
                raise ServerAway("The model's server lists no models; set VLLM_MODEL.")
            self._served = Served(model, listed.get(model))
        return self._served

    async def tokens(self, model: str, prompt: Prompt) -> int | None:
        """How many tokens the server makes of it; None: it does not count for others. vLLM's `/tokenize`."""
        if not self._counts:
            return None
        address = f"{self._address.removesuffix('/v1')}/tokenize"
        body = {"model": model, "messages": prompt}
        async with self._answer(self._http.build_request("POST", address, json=body)) as response:
            if response.is_success:
                try:
                    return int(json.loads(await response.aread())["count"])
                except (ValueError, LookupError, TypeError):
                    pass
        self._counts = False
        return None

    async def complete(self, model: str, prompt: Prompt) -> AsyncGenerator[Part]:
        """The completion as it is written. Closing the iterator closes the connection, which stops the model."""
        body = self._config.extra_body | {
            "model": model,
            "messages": prompt,
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": self._config.temperature,
            "max_tokens": self._config.max_tokens,
        }
        async with self._answer(self._http.build_request("POST", "chat/completions", json=body)) as response:
            if not response.is_success:
                raise _refusal(response, model, await response.aread())
            ended = False
            async for line in response.aiter_lines():
                if not line.startswith("data:"):
                    continue
                data = line.removeprefix("data:").strip()
                if data == "[DONE]":
                    return
                part = _part(data)
                ended = ended or bool(part.finish)
                yield part
            if not ended:  # not every server takes leave with [DONE]
                raise ServerAway("The model's server closed the stream before the end.", after_s=0)

    @asynccontextmanager
    async def _answer(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        try:
            response = await self._http.send(request, stream=True)
            try:
                yield response
            finally:
                await response.aclose()
        except httpx.TimeoutException as slow:
            raise ServerAway(f"The model's server at {self._place} is too slow ({type(slow).__name__}).") from slow
        except httpx.HTTPError as error:  # its own words may hold the key
            raise ServerAway(
                f"The model's server at {self._place} is away ({type(error).__name__}).", after_s=0
            ) from error


def _part(data: str) -> Part:
    try:
        body = json.loads(data)
        if body.get("error"):
            logger().debug("the model's server reports an error", said=data[:2000])
            raise ServerAway("The model's server reports an error in the middle of the stream.", after_s=0)
        choice: dict[str, Any] = (body.get("choices") or [{}])[0]
        words = str((choice.get("delta") or {}).get("content") or "")
        usage = {k: v for k, v in (body.get("usage") or {}).items() if isinstance(v, int)}
        # Half of a surrogate pair is no text that could be sent on.
        return Part(words.encode("utf-8", "replace").decode(), str(choice.get("finish_reason") or ""), usage)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ServerAway("The model's server sent what is no chat completion; see VLLM_URL.") from error


def _models(body: bytes) -> dict[str, int | None]:
    """Model to its limit, in the order listed; empty where that is no list of models."""
    try:
        listed = [(str(model["id"]), model.get("max_model_len")) for model in json.loads(body)["data"]]
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}
    return {name: limit if isinstance(limit, int) and limit > 0 else None for name, limit in listed}


def _refusal(response: httpx.Response, model: str, body: bytes) -> ServerAway:
    said = body.decode("utf-8", "replace")
    status = response.status_code
    logger().debug("the model's server refuses", status=status, said=said[:2000])
    match status:
        case 400 | 413 | 422 if "context" in said or "max_tokens" in said:
            return ServerAway(f"The question with its passages is longer than the model's context ({status}).")
        case 401 | 403:
            return ServerAway(f"The model's server does not accept the key ({status}); set VLLM_API_KEY.")
        case 404:
            return ServerAway(f"The model's server has no model {model!r} at this address (404); see VLLM_MODEL.")
        case 429 | 502 | 503 | 504:
            return ServerAway(f"The model's server is overloaded ({status}).", _retry_after(response))
        case _ if status >= 500:
            return ServerAway(f"The model's server failed ({status}).", after_s=0)
        case _:
            return ServerAway(f"The model's server refused ({status}); LOG_LEVEL=debug shows its words.")


def _retry_after(response: httpx.Response) -> float:
    """Seconds; a date, or nothing, is taken as now."""
    try:
        return max(0.0, float(response.headers.get("retry-after", "0")))
    except ValueError:
        return 0.0
