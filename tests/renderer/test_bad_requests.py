"""What the HTTP API answers to bad input."""

import base64
from typing import Any

from services.renderer.server import MAX_BODY
from tests.renderer.conftest import Renderer
from tests.renderer.problems import problem
from tests.renderer.speaking import message, tone

JSON = {"Content-Type": "application/json"}


BAD_SESSIONS: list[tuple[str, dict[str, Any]]] = [
    ("session", {"session": "a/b"}),
    ("session", {"session": ""}),
    ("session", {"session": None}),
    ("publish_url", {"publish_url": "ftp://gateway/whip/s1"}),
    ("publish_url", {"publish_url": "not an address"}),
    ("token", {"token": ""}),
    ("token", {"token": "line\nbreak"}),
    ("avatar", {"avatar": "nobody"}),
    ("avatar", {"avatar": 7}),
    ("style", {"style": "pink"}),
]


async def test_a_bad_session_request_names_the_field(renderer: Renderer) -> None:
    """Whatever is wrong with the request for a session, the answer is a 422 that names the field."""
    for field, change in BAD_SESSIONS:
        problem(await renderer.http.post("/v1/sessions", json=renderer.wish() | change), 422, field)
    for body in (b"", b"{", b"[]"):
        problem(await renderer.http.post("/v1/sessions", content=body, headers=JSON), 422)
    problem(await renderer.http.post("/v1/sessions", content=b"\xff", headers=JSON), 400)  # not even UTF-8
    assert (await renderer.http.get("/v1/sessions")).json()["sessions"] == []


CHUNK = message(0, tone(200))["chunks"][0]  # type: ignore[index]
ODD = base64.b64encode(bytes(6399)).decode()

BAD_SPEECH: list[tuple[str, int, dict[str, Any]]] = [
    ("sr", 422, {"sr": 1000}),
    ("sr", 422, {"sr": "fast"}),
    ("turn", 422, {"turn": 0}),
    ("turn", 422, {"turn": "next"}),
    ("session", 422, {"session": "s2"}),
    ("session", 422, {"session": None}),
    ("chunks", 422, {"chunks": None}),
    ("chunks", 422, {"chunks": [CHUNK | {"pcm_b64": "§§§"}]}),
    ("chunks", 422, {"chunks": [CHUNK | {"pcm_b64": ODD}]}),
    ("chunks", 422, {"chunks": [CHUNK | {"t1": 300}]}),
    ("chunks", 422, {"chunks": [CHUNK | {"t0": 200, "t1": 0}]}),
    ("chunks", 422, {"chunks": [CHUNK, CHUNK]}),
    ("chunks", 409, {"chunks": [CHUNK | {"t0": 600, "t1": 800}]}),
    ("chunks", 409, {"chunks": [CHUNK | {"t0": 0, "t1": 200}], "turn": 1}),
    ("visemes", 422, {"visemes": [{"t": 0, "v": "XX"}]}),
    ("visemes", 422, {"visemes": [{"t": 90, "v": "AA"}, {"t": 0, "v": "AA"}]}),
    ("words", 422, {"words": [{"t0": 0, "t1": 90, "text": ""}]}),
]


async def test_bad_speech_names_the_field_and_disturbs_nobody(renderer: Renderer) -> None:
    """Every malformed message gets a 4xx that names the field, and the turn that is spoken is heard to its end."""
    await renderer.open()
    async with renderer.listening() as events:
        await renderer.say(message(0, tone(400)))
        for field, status, change in BAD_SPEECH:
            problem(await renderer.say(message(400, tone(200)) | change), status, field)
        for body in (b"", b"{", b"[]", b"\xff\xfe", b'{"session":"s1"}'):
            response = await renderer.http.post("/v1/sessions/s1/speech", content=body, headers=JSON)
            problem(response, 422)
        large = b'{"session":"' + b"x" * MAX_BODY + b'"}'
        problem(await renderer.http.post("/v1/sessions/s1/speech", content=large, headers=JSON), 413)
        assert (await renderer.say(message(400, tone(200), final=True))).status_code == 200
        await renderer.finished(events, 1)
    assert [e["t"] for e in events if e.get("phase") == "finished"] == [600]


async def test_bad_cancels(renderer: Renderer) -> None:
    """An order without a turn is refused; a cancel of a turn that is yet to come is remembered."""
    await renderer.open()
    for turn in (None, 0, -1, "all", 1.5):
        for what in ("cancel", "pause", "resume"):
            problem(await renderer.order(what, turn), 422, "turn")
    assert (await renderer.cancel(5)).json() == {"heard_ms": 0}
    assert (await renderer.say(message(0, tone(200), turn=5))).json()["dropped"]
    assert not (await renderer.say(message(0, tone(200), turn=6))).json()["dropped"]
