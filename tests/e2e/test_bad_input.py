"""Bad input at every door of the running product: a clear 4xx problem, and the session still speaks afterwards."""

import base64
import time
from typing import Any

import httpx

from services.common.errors import PROBLEM_JSON
from services.common.tokens import issue
from tests.e2e.stack import Stack
from tests.viewer import Viewer, eventually

TONE = base64.b64encode(bytes(2 * 3200)).decode()
"""200 ms at 16 kHz."""


def speech(**changes: Any) -> dict[str, Any]:
    return {"session": "S", "turn": 9, "sr": 16000, "chunks": [{"t0": 0, "t1": 200, "pcm_b64": TONE}]} | changes


CASES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("orchestrator-api", "POST", "/session", {"json": {"sdp": "not a session description"}}),
    ("orchestrator-api", "POST", "/session", {"json": {"sdp": "v=0\r\nno more than that"}}),
    ("orchestrator-api", "POST", "/session", {"content": b"{", "headers": {"content-type": "application/json"}}),
    ("orchestrator-api", "POST", "/session", {"json": {}}),
    ("orchestrator-api", "POST", "/session", {"json": {"sdp": "v=0", "session": "../etc/passwd"}}),
    ("orchestrator-api", "POST", "/answer", {"json": {"text": " "}}),
    ("orchestrator-api", "POST", "/answer", {"json": {"text": 7}}),
    ("orchestrator-api", "POST", "/answer", {"json": {"text": "x" * 4001}}),
    ("orchestrator-api", "POST", "/answer", {"json": {"text": "hello", "session": "nobody"}}),
    ("orchestrator-api", "POST", "/answer", {"json": {"text": "x" * 200_000}}),
    ("orchestrator-api", "POST", "/cancel", {"json": {"session": "nobody"}}),
    ("orchestrator-api", "POST", "/style", {"json": {"session": "S", "style": "vaporwave"}}),
    ("orchestrator-api", "DELETE", "/session/S", {"headers": {"authorization": "Bearer forged"}}),
    ("orchestrator-api", "GET", "/session/nobody", {}),
    ("orchestrator-api", "GET", "/../.env", {}),
    ("rag-llm", "POST", "/v1/answer", {"json": {"session": "S", "turn": 0, "text": "hello"}}),
    ("rag-llm", "POST", "/v1/search", {"json": {"query": "hello", "k": -1}}),
    ("rag-llm", "POST", "/v1/chat/completions", {"json": {"messages": "hello"}}),
    ("tts", "POST", "/v1/speak", {"json": {"session": "S", "turn": 1, "text": ""}}),
    ("tts", "POST", "/v1/speak", {"json": {"session": "S", "turn": 1, "text": "hello", "voice": "nobody"}}),
    ("renderer", "POST", "/v1/sessions", {"json": {"session": "T", "publish_url": "nowhere", "token": "x"}}),
    ("renderer", "POST", "/v1/sessions/S/speech", {"json": speech(chunks=[{"t0": 0, "t1": 200, "pcm_b64": "!"}])}),
    ("renderer", "POST", "/v1/sessions/S/speech", {"json": speech(chunks=[{"t0": 0, "t1": 200, "pcm_b64": "AAAA"}])}),
    ("renderer", "POST", "/v1/sessions/S/speech", {"json": speech(chunks=speech()["chunks"] * 2)}),
    ("renderer", "POST", "/v1/sessions/S/speech", {"json": speech(visemes=[{"t": 0, "v": "XX"}])}),
    ("renderer", "POST", "/v1/sessions/nobody/speech", {"json": speech(session="nobody")}),
    ("renderer", "POST", "/v1/sessions/S/cancel", {"json": {"turn": "x"}}),
    ("sfu-gateway", "POST", "/whip/S", {"content": b"v=0", "headers": {"content-type": "application/sdp"}}),
    ("sfu-gateway", "POST", "/session/S", {"content": b"{", "headers": {"content-type": "application/json"}}),
]


async def test_every_door_refuses_with_a_sentence_and_the_session_still_speaks(stack: Stack, viewer: Viewer) -> None:
    """Whatever is sent, the answer is a 4xx problem document with a detail; afterwards the face answers aloud."""
    wrong = []
    for service, method, path, given in CASES:
        answer = await send(stack, viewer.session, service, method, path, given)
        if not (
            400 <= answer.status_code < 500
            and answer.headers["content-type"].startswith(PROBLEM_JSON)
            and len(answer.json()["detail"]) > 10
        ):
            wrong.append(f"{service} {method} {path} {given!r:.60}: {answer.status_code} {answer.text:.200}")
    assert wrong == []
    asked = time.monotonic()
    assert (await viewer.ask("What is FlashbackAvatars?"))["spoken"] is True
    await eventually(lambda: len(viewer.voiced_since(asked)) > 25, why="no voice")


async def send(
    stack: Stack, session: str, service: str, method: str, path: str, given: dict[str, Any]
) -> httpx.Response:
    """The request, with the live session's id for S; internal services get the orchestrator's own token."""
    headers = dict(given.get("headers", {}))
    if service != "orchestrator-api":
        headers["authorization"] = f"Bearer {issue(stack.env['TOKEN_SECRET'], '*', 'orchestrator')}"
    body = given.get("json")
    if isinstance(body, dict) and body.get("session") == "S":
        body = body | {"session": session}
    async with httpx.AsyncClient(base_url=stack.parts[service].url, timeout=15) as http:
        path = path.replace("/S", f"/{session}")
        return await http.request(method, path, json=body, content=given.get("content"), headers=headers)
