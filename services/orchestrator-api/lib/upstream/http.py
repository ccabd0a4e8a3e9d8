"""Calling a service over HTTP, and what it means when that fails. Connections stay open, so that nobody waits for one
to be made."""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, TypeVar

import httpx
from httpx_sse import SSEError
from pydantic import BaseModel, TypeAdapter, ValidationError

from services.common.errors import Problem

CONNECT_S = 1.0
CALL_S = 5.0
CHECK_S = 1.0

CALLERS_FAULT = frozenset({400, 413, 415, 422})

Parsed = TypeVar("Parsed")


class ServiceError(Exception):
    """A service is away or does not keep to its contract. `detail` is a sentence for the person who asked; `status`
    what it answered, if it did."""

    def __init__(self, service: str, detail: str, *, status: int | None = None, retry_after_s: float = 1.0) -> None:
        super().__init__(f"{service}: {detail}")
        self.service, self.detail, self.status, self.retry_after_s = service, detail, status, retry_after_s

    def problem(self) -> Problem:
        """As the public API tells it: 422 where what the caller sent was wrong, else 503."""
        if self.status in CALLERS_FAULT:
            return Problem(422, self.detail)
        return Problem(503, self.detail, headers={"Retry-After": str(max(1, round(self.retry_after_s)))})


class Service:
    """One service's address and its open connections."""

    def __init__(self, name: str, address: str, *, timeout_s: float = CALL_S) -> None:
        self.name, self.address = name, address
        self._http = httpx.AsyncClient(
            base_url=address,
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=30),
            trust_env=False,  # a proxy of the environment is not for calls between services
            verify=_trusted(),
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def missing(self) -> str | None:
        """None when it is ready to work, else a sentence that says why not."""
        try:
            answer = await self._http.get("/readyz", timeout=CHECK_S)
        except httpx.HTTPError as error:
            return f"does not answer at {self.address} ({type(error).__name__})"
        return None if answer.is_success else _detail(answer)

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: BaseModel | Mapping[str, Any] | None = None,
        token: str | None = None,
        timeout_s: float = CALL_S,
    ) -> httpx.Response:
        """One exchange. Raises `ServiceError` unless it succeeds."""
        timeout = httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
        try:
            answer = await self._http.request(
                method, path, content=_json(body), headers=_headers(body, token), timeout=timeout
            )
        except httpx.HTTPError as error:
            raise self._away(error) from error
        if not answer.is_success:
            raise self._refused(answer)
        return answer

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, *, body: BaseModel | None = None, patience: httpx.Timeout | None = None
    ) -> AsyncIterator[httpx.Response]:
        """An answer that is read as it comes. Leaving the context closes it. Raises `ServiceError` unless it succeeds,
        and where it breaks off."""
        request = self._http.build_request(method, path, content=_json(body), headers=_headers(body, None))
        if patience is not None:
            request.extensions["timeout"] = patience.as_dict()
        try:
            answer = await self._http.send(request, stream=True)
            try:
                if not answer.is_success:
                    await answer.aread()
                    raise self._refused(answer)
                yield answer
            finally:
                await answer.aclose()
        except SSEError as error:
            raise self._unexpected() from error
        except httpx.HTTPError as error:
            raise self._away(error) from error

    def parsed(self, adapter: TypeAdapter[Parsed], text: str | bytes) -> Parsed:
        """What the service sent, checked. Raises `ServiceError` where it does not keep to the contract."""
        try:
            return adapter.validate_json(text)
        except ValidationError as error:
            raise self._unexpected() from error

    def _unexpected(self) -> ServiceError:
        return ServiceError(self.name, f"The {self.name} service sent something unexpected.")

    def _away(self, error: httpx.HTTPError) -> ServiceError:
        why = "takes too long" if isinstance(error, httpx.TimeoutException) else "is away"
        return ServiceError(self.name, f"The {self.name} service {why}; try again in a moment.")

    def _refused(self, answer: httpx.Response) -> ServiceError:
        retry_after = answer.headers.get("Retry-After", "")
        return ServiceError(
            self.name,
            _detail(answer),
            status=answer.status_code,
            retry_after_s=float(retry_after) if retry_after.replace(".", "", 1).isdigit() else 1.0,
        )


@cache
def _trusted() -> ssl.SSLContext:
    """Reading all certificates of a machine takes a while: once is enough."""
    return ssl.create_default_context()


def _json(body: BaseModel | Mapping[str, Any] | None) -> str | None:
    match body:
        case None:
            return None
        case BaseModel():
            return body.model_dump_json(exclude_none=True)
        case _:
            return json.dumps(body)


def _headers(body: object, token: str | None) -> dict[str, str]:
    headers = {} if body is None else {"Content-Type": "application/json"}
    return headers if token is None else headers | {"Authorization": f"Bearer {token}"}


def _detail(answer: httpx.Response) -> str:
    """The sentence of a problem document, or the status where there is none."""
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"answered {answer.status_code} {answer.reason_phrase}"
