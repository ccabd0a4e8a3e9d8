"""Bad input for every call: a clear 4xx problem, and the session speaks afterwards."""

from typing import Any

import httpx

from tests.orchestrator.conftest import Stack
from tests.orchestrator.fakes import OFFER

BAD: list[tuple[str, str, dict[str, Any], int, str]] = [
    # method, path, request, status, what the sentence has to name
    ("POST", "/session", {"json": {}}, 422, "sdp"),
    ("POST", "/session", {"json": {"sdp": ""}}, 422, "sdp"),
    ("POST", "/session", {"json": {"sdp": "hello"}}, 422, "sdp"),
    ("POST", "/session", {"json": {"sdp": 5}}, 422, "sdp"),
    ("POST", "/session", {"json": {"sdp": OFFER, "type": "answer"}}, 422, "type"),
    ("POST", "/session", {"json": {"sdp": OFFER, "session": "../etc"}}, 422, "session"),
    ("POST", "/session", {"json": {"sdp": OFFER, "session": "x" * 65}}, 422, "session"),
    ("POST", "/session", {"json": {"sdp": OFFER, "session": "unknown"}}, 404, "unknown"),
    ("POST", "/session", {"json": {"sdp": OFFER, "style": "neon"}}, 422, "style"),
    ("POST", "/session", {"json": {"sdp": OFFER, "style": "../x"}}, 422, "style"),
    ("POST", "/session", {"json": {"sdp": OFFER, "voice": "nobody"}}, 422, "voice"),
    ("POST", "/session", {"json": {"sdp": OFFER, "avatar": ""}}, 422, "avatar"),
    ("POST", "/session", {"content": b"\xff\xfe", "headers": {"Content-Type": "application/sdp"}}, 422, "sdp"),
    ("POST", "/session", {"content": b"", "headers": {"Content-Type": "application/sdp"}}, 422, "sdp"),
    ("POST", "/session", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 422, "JSON"),
    ("POST", "/session", {"content": b"\xff", "headers": {"Content-Type": "application/json"}}, 422, "JSON"),
    ("POST", "/session", {"content": b"x", "headers": {"Content-Type": "text/plain"}}, 415, "text/plain"),
    ("POST", "/session", {"content": b"v=0" + b"x" * 70_000}, 413, "larger"),
    ("GET", "/session/nobody", {}, 404, "nobody"),
    ("GET", "/session/no.body", {}, 422, "session"),
    ("DELETE", "/session/nobody", {}, 401, "token"),
    ("POST", "/answer", {"json": {}}, 422, "text"),
    ("POST", "/answer", {"json": []}, 422, ""),
    ("POST", "/answer", {"json": {"text": ""}}, 422, "text"),
    ("POST", "/answer", {"json": {"text": " \n\t "}}, 422, "text"),
    ("POST", "/answer", {"json": {"text": "x" * 4001}}, 422, "text"),
    ("POST", "/answer", {"json": {"text": 7}}, 422, "text"),
    ("POST", "/answer", {"json": {"text": "What?", "session": "nobody"}}, 404, "nobody"),
    ("POST", "/answer", {"json": {"text": "What?", "session": "a b"}}, 422, "session"),
    ("POST", "/answer", {"content": b'{"text": "\\ud800"}', "headers": {"Content-Type": "application/json"}}, 422, ""),
    ("POST", "/cancel", {"json": {"session": "nobody"}}, 404, "nobody"),
    ("POST", "/cancel", {"json": {"session": 1}}, 422, "session"),
    ("POST", "/cancel", {"json": {}}, 409, "listening"),
    ("POST", "/style", {"json": {}}, 422, "style"),
    ("POST", "/style", {"json": {"style": "neon"}}, 422, "neon"),
    ("POST", "/style", {"json": {"style": "night", "session": "nobody"}}, 404, "nobody"),
    ("GET", "/control", {}, 404, ""),
    ("PUT", "/answer", {"json": {}}, 405, ""),
    ("POST", "/nowhere", {"json": {}}, 405, ""),
    ("GET", "/nowhere", {}, 404, ""),
]


async def test_bad_input_is_a_clear_problem_and_disturbs_nobody(stack: Stack) -> None:
    """Each is a problem document with the right status that names the field; the session then answers aloud."""
    opened = await stack.open()
    async with stack.page(opened) as page:
        for method, path, request, status, named in BAD:
            answer = await stack.http.request(method, path, **request)
            seen = f"{method} {path} {str(request)[:80]}: {answer.status_code} {answer.text[:200]}"
            assert answer.status_code == status, seen
            assert answer.headers["content-type"] == "application/problem+json", seen
            assert named in answer.json()["detail"], seen
        await page.say("start_reply", text="Still there?")
        await page.state("listening", 1)
        assert len(page.of("caption")) == 10
        assert page.of("error") == []
    assert list(stack.renderer.avatars) == [opened["session"]]


async def test_a_body_that_grows_too_large_is_refused(stack: Stack) -> None:
    """Without a declared length the limit holds as well."""

    async def endless() -> Any:
        for _ in range(20):
            yield b"x" * 10_000

    for path in ("/answer", "/session"):
        answer = await stack.http.post(path, content=endless(), headers={"Content-Type": "application/json"})
        assert answer.status_code == 413


async def test_pages_on_other_hosts_need_leave(stack: Stack) -> None:
    """CORS_ORIGINS lets the origins in that it names, and no other."""

    async def preflight(origin: str) -> httpx.Response:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return await stack.http.options("/session", headers=headers)

    assert "access-control-allow-origin" not in (await preflight("https://a.example")).headers
    await stack.restart(cors_origins="https://a.example, https://b.example")
    assert (await preflight("https://b.example")).headers["access-control-allow-origin"] == "https://b.example"
    assert "access-control-allow-origin" not in (await preflight("https://c.example")).headers
