"""What every service has: health, readiness, metrics, problem documents, a limit on bodies."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from services.common.background import Background
from services.common.errors import PROBLEM_JSON, Problem
from services.common.service import create_service
from services.common.settings import Settings


class Body(BaseModel):
    number: int


@pytest.fixture
async def missing() -> dict[str, str]:
    return {}


@pytest.fixture
async def http(missing: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    @asynccontextmanager
    async def lifespan(_: FastAPI, __: Background) -> AsyncIterator[None]:
        yield

    async def one() -> str | None:
        return missing.get("one")

    async def two() -> str | None:
        return missing.get("two")

    app = create_service("sample", Settings(), lifespan=lifespan, checks={"one": one, "two": two}, max_body_bytes=100)

    @app.post("/double")
    async def double(body: Body) -> int:
        return body.number * 2

    @app.post("/triple")
    async def triple(number: int) -> int:
        return number * 3

    @app.get("/refuse")
    async def refuse() -> None:
        raise Problem(429, "Too many at once.", headers={"Retry-After": "3"}, limit=5)

    @app.get("/break")
    async def broken() -> None:
        raise RuntimeError("a secret detail")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sample") as client:
        yield client


async def test_it_is_alive_and_ready_and_measured(http: httpx.AsyncClient, missing: dict[str, str]) -> None:
    """Alive always; ready unless something is missing, and then each missing thing is named."""
    assert (await http.get("/readyz")).json() == {"service": "sample", "status": "ready"}
    missing |= {"two": "does not answer"}
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["two"])
    assert "two: does not answer" in answer.json()["detail"]
    assert (await http.get("/healthz")).status_code == 200
    assert "# TYPE process_cpu_seconds_total counter" in (await http.get("/metrics")).text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "named"),
    [
        ("POST", "/double", b'{"number":"x"}', 422, "number must be a whole number."),
        ("POST", "/double", b"{}", 422, "number is missing."),
        ("POST", "/double", b"{", 422, "The body is not a JSON object"),
        ("POST", "/double", b"", 422, "The body is not a JSON object"),
        ("POST", "/double", b"[]", 422, "The body is not a JSON object"),
        ("POST", "/double", b"\xff", 400, "The body cannot be read"),
        ("POST", "/triple?number=x", b"", 422, "number must be a whole number."),
        ("POST", "/double", b" " * 101, 413, "100 bytes"),
        ("GET", "/refuse", b"", 429, "Too many"),
        ("GET", "/break", b"", 500, "unexpected"),
        ("GET", "/nowhere", b"", 404, ""),
        ("PUT", "/double", b"", 405, ""),
    ],
)
async def test_every_error_is_a_problem_document(
    http: httpx.AsyncClient, method: str, path: str, body: bytes, status: int, named: str
) -> None:
    """Expected or not, it has type, title, status and a sentence, and gives no internals away."""
    answer = await http.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM_JSON
    problem = answer.json()
    assert {"type", "title", "status", "detail"} <= set(problem)
    assert problem["status"] == status
    assert named in problem["detail"]
    assert "secret" not in answer.text


async def test_a_problem_keeps_its_headers_and_members(http: httpx.AsyncClient) -> None:
    """Retry-After and extra members reach the caller."""
    answer = await http.get("/refuse")
    assert (answer.headers["Retry-After"], answer.json()["limit"]) == ("3", 5)


async def test_a_body_without_a_length_is_limited_as_well(http: httpx.AsyncClient) -> None:
    """What is streamed is counted as it comes."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b" " * 50

    assert (await http.post("/double", content=pieces())).status_code == 413
    assert (await http.post("/double", json={"number": 4})).json() == 8
