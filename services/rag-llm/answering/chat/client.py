"""The client of a server that speaks OpenAI's chat completions, such as vLLM: its models, its tokens, its stream.

Everything that goes wrong is a `ServerAway` in our own words. What the server says about it may quote the prompt or the
key, so it is logged at debug and goes no further.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from openai import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    AsyncStream,
    Omit,
    RequestOptions,
    omit,
)
from openai.types.chat import ChatCompletionChunk

from services.common.logs import logger
from services.rag_llm.answering.chat.prompt import Prompt
from services.rag_llm.settings import RagSettings, VllmConfig

_NO_KEY = "none"
"""The library asks for a key; the header that it would stand in is left out."""
_NO_COMPLETION = "The model's server sent what is no chat completion; see VLLM_URL."


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
class CompletionPart:
    """A piece of a completion. `finish` is why it ended, in the last one that says so."""

    words: str = ""
    finish: str = ""
    usage: dict[str, int] = field(default_factory=dict)


class ChatClient:
    """One server's address and its open connections."""

    def __init__(self, settings: RagSettings, config: VllmConfig) -> None:
        self._config, self._model = config, settings.vllm_model
        address = settings.vllm_url.rstrip("/")
        self._place = httpx2.URL(address).netloc.decode()  # without a name and password that it may hold
        self._tokenize = f"{address.removesuffix('/v1')}/tokenize"
        timeout = httpx2.Timeout(config.stall_timeout_s, connect=config.connect_timeout_s)
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=64)
        key = settings.vllm_api_key
        self._openai = AsyncOpenAI(
            base_url=address,
            api_key=key or _NO_KEY,
            # Tries and their time are counted by whoever asks: retries in here would wait unseen.
            max_retries=0,
            timeout=timeout,
            # Neither a proxy nor a certificate that the environment names: VLLM_URL says where the server is.
            http_client=httpx2.AsyncClient(timeout=timeout, limits=limits, trust_env=False),
        )
        self._headers = _headers(key)
        self._options: RequestOptions = {"headers": self._headers}
        self._served: Served | None = None
        self._counts = True

    async def close(self) -> None:
        """Close its connections."""
        await self._openai.close()

    def forget(self) -> None:
        """Ask anew what is served: a server that comes back may be another one."""
        self._served, self._counts = None, True

    async def served(self) -> Served:
        """`VLLM_MODEL`, else the first model that the server lists, with the server's own limit.

        Raises `ServerAway`, as all that asks the server does.
        """
        if self._served is None:
            listed: dict[str, int | None] = {}
            try:
                with self._failing():
                    listed = _models(await self._openai.get("/models", cast_to=httpx2.Response, options=self._options))
            except APIStatusError as refused:
                if not self._model:
                    raise ServerAway(
                        f"The model's server lists no models ({refused.status_code}); set VLLM_MODEL."
                    ) from None
            model = self._model or next(iter(listed), "")
            if not model:
                raise ServerAway("The model's server lists no models; set VLLM_MODEL.")
            self._served = Served(model, listed.get(model))
        return self._served

    async def tokens(self, model: str, prompt: Prompt) -> int | None:
        """How many tokens the server makes of it; None: it does not count for others. vLLM's `/tokenize`."""
        if not self._counts:
            return None
        body = {"model": model, "messages": prompt}
        with self._failing():
            try:
                counted = await self._openai.post(
                    self._tokenize, cast_to=httpx2.Response, body=body, options=self._options
                )
                return int(counted.json()["count"])
            except (APIStatusError, ValueError, LookupError, TypeError):
                self._counts = False
                return None

    async def complete(self, model: str, prompt: Prompt) -> AsyncGenerator[CompletionPart]:
        """The completion as it is written. Closing the iterator closes the connection, which stops the model."""
        asked: dict[str, Any] = {
            "model": model,
            "messages": prompt,
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": self._config.temperature,
            "max_tokens": self._config.max_tokens,
        }
        more = {name: value for name, value in self._config.extra_body.items() if name not in asked}
        ended = False
        with self._failing():
            try:
                stream: AsyncStream[ChatCompletionChunk] = await self._openai.chat.completions.create(
                    **asked, extra_headers=self._headers, extra_body=more
                )
            except APIStatusError as refused:
                raise _refusal(refused.response, model) from None
            async with stream:
                async for chunk in stream:
                    part = _part(chunk)
                    ended = ended or bool(part.finish)
                    yield part
        if not ended:
            raise ServerAway("The model's server closed the stream before the end.", after_s=0)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """What the library raises, except for a status, as `ServerAway`; its words may quote the prompt and the key."""
        try:
            yield
        except APITimeoutError as slow:
            raise ServerAway(f"The model's server at {self._place} is too slow ({_cause(slow)}).") from slow
        except APIConnectionError as error:
            raise ServerAway(f"The model's server at {self._place} is away ({_cause(error)}).", after_s=0) from error
        except APIStatusError:  # a refusal means something else to each call
            raise
        except APIError as error:
            logger().debug("the model's server reports an error", said=str(error.body)[:2000])
            raise ServerAway("The model's server reports an error in the middle of the stream.", after_s=0) from None
        except ValueError:
            raise ServerAway(_NO_COMPLETION) from None


def _headers(key: str) -> dict[str, str | Omit]:
    """Without what the library takes from the environment of somebody who uses OpenAI's own server as well."""
    without = {"OpenAI-Organization": omit, "OpenAI-Project": omit}
    return {**without} if key else {**without, "Authorization": omit}


def _cause(error: APIConnectionError) -> str:
    return type(error.__cause__ or error).__name__


def _part(chunk: ChatCompletionChunk) -> CompletionPart:
    try:
        body = chunk.to_dict(warnings=False)
        choice: dict[str, Any] = (body.get("choices") or [{}])[0]  # type: ignore[index]  # read as it came
        words = str((choice.get("delta") or {}).get("content") or "")
        usage = {k: v for k, v in (body.get("usage") or {}).items() if isinstance(v, int)}  # type: ignore[attr-defined]
        # Half of a surrogate pair is no text that could be sent on.
        return CompletionPart(words.encode("utf-8", "replace").decode(), str(choice.get("finish_reason") or ""), usage)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ServerAway(_NO_COMPLETION) from error


def _models(response: httpx2.Response) -> dict[str, int | None]:
    """Model to its limit, in the order listed; empty where that is no list of models."""
    try:
        listed = [(str(model["id"]), model.get("max_model_len")) for model in response.json()["data"]]
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}
    return {name: limit if isinstance(limit, int) and limit > 0 else None for name, limit in listed}


def _refusal(response: httpx2.Response, model: str) -> ServerAway:
    said, status = response.text, response.status_code
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


def _retry_after(response: httpx2.Response) -> float:
    """Seconds; a date, or nothing, is taken as now."""
    try:
        return max(0.0, float(response.headers.get("retry-after", "0")))
    except ValueError:
        return 0.0
