"""Sessions that are opened, refused and ended; and how the service starts."""

import asyncio
import os
import subprocess
import sys
from typing import Any

import pytest

from services.asr.transcription.loading import load_engine
from services.common.messages import SERVICES_CHANNEL, Close, Heartbeat, control_channel
from services.common.tokens import issue
from services.common.utterances import ListeningEnded
from services.stack.environment import ROOT
from tests.asr.conftest import NOWHERE, Asr, running
from tests.asr.wire import SameWords
from tests.gateway.peers import SECRET, until


async def test_sessions(asr: Asr) -> None:
    """Opened once, opened again with another place, listed, ended; and what is asked of none."""
    assert (await asr.listen()).json() == {"session": "s1", "state": "connecting"}
    again = await asr.listen()
    assert (again.status_code, again.json()["session"]) == (200, "s1")
    assert (await asr.http.get("/v1/sessions")).json()["capacity"] == 8
    for path, expected in (("s1", 204), ("s1", 404), ("never", 404)):
        assert (await asr.http.delete(f"/v1/sessions/{path}")).status_code == expected
    response = await asr.http.post("/v1/sessions/s1/spoken", json={"turn": 1, "text": "Hello."})
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
    assert "POST /v1/sessions" in response.json()["detail"]


async def test_spoken(asr: Asr) -> None:
    """The avatar's clauses are taken; what is none is refused by its field's name."""
    await asr.listen()
    for body in ({"turn": 3, "text": "Two cores are enough."}, {"turn": 3, "text": ""}):
        assert (await asr.http.post("/v1/sessions/s1/spoken", json=body)).status_code == 204
    wrong: list[tuple[dict[str, Any], str]] = [({"turn": 0, "text": "a"}, "turn"), ({"turn": 1}, "text")]
    for body, field in wrong:
        response = await asr.http.post("/v1/sessions/s1/spoken", json=body)
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"session": "a b"}, "session"), ({"listen_url": "gateway"}, "listen_url"), ({"token": ""}, "token")],
)
async def test_what_is_no_session_is_refused(asr: Asr, fields: dict[str, Any], field: str) -> None:
    """422 with the field's name, and nothing is kept."""
    response = await asr.listen(**fields)
    assert response.status_code == 422
    assert field in response.json()["detail"]
    assert (await asr.http.get("/v1/sessions")).json()["sessions"] == []


async def test_a_token_that_is_refused(asr: Asr) -> None:
    """The session has no ears, which is told, and frees its place; opened with a good one, it has."""
    await asr.listen(token=issue(SECRET, "another", "asr"))
    await asr.reaches(None)
    await until(lambda: [e.reason for e in asr.heard if isinstance(e, ListeningEnded)] == ["refused"])
    assert (await asr.listen()).status_code == 201
    await asr.reaches("listening")


async def test_a_gateway_that_is_away_is_waited_for(asr: Asr) -> None:
    """Nobody answers at the address: asr goes on trying, and a new address takes effect."""
    tries = 0

    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        await asr.listen(listen_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/whep/s1")
        await until(lambda: tries >= 2)
        assert await asr.state() == "connecting"
        assert (await asr.listen()).status_code == 200
        await asr.reaches("listening")


async def test_all_places_taken() -> None:
    """503 with what to do; a place that is freed is given again."""
    async with running(NOWHERE, load=lambda _: SameWords(""), asr_sessions=1) as asr:
        assert (await asr.listen("s1")).status_code == 201
        refused = await asr.listen("s2")
        assert refused.status_code == 503
        assert "ASR_SESSIONS" in refused.json()["detail"]
        assert (await asr.http.delete("/v1/sessions/s1")).status_code == 204
        assert (await asr.listen("s2")).status_code == 201


async def test_the_control_channel_ends_a_session(asr: Asr) -> None:
    """What closes a session everywhere closes its ears."""
    await asr.listen()
    await asr.reaches("listening")
    await asr.bus.publish(control_channel("s1"), Close(session="s1"))
    await asr.reaches(None)


async def test_switched_off() -> None:
    """ASR_ENGINE=off runs, ready and without models, and says so to whoever asks."""
    async with running(NOWHERE, load=load_engine, asr_engine="off") as asr:
        assert (await asr.http.get("/readyz")).status_code == 200
        response = await asr.listen()
        assert response.status_code == 503
        assert "ASR_ENGINE" in response.json()["detail"]


async def test_each_run_has_a_name_of_its_own() -> None:
    """Heartbeats name the run, so that who opened sessions notices another one; messages carry the same name."""
    names = []
    for _ in range(2):
        async with running(NOWHERE, load=lambda _: SameWords("")) as asr:
            async for channel, text in asr.bus.subscribe(SERVICES_CHANNEL):
                beat = Heartbeat.model_validate_json(text)
                assert (channel, beat.service, beat.capacity) == (SERVICES_CHANNEL, "asr", 8)
                names.append(beat.instance)
                break
    assert len(set(names)) == 2


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"ASR_MODEL": "large-v3"},
            "asr cannot start: ASR_MODEL 'large-v3' is not on this machine; use tiny.en, or the folder of a "
            "model for faster-whisper.",
        ),
        ({"ASR_MODEL": "/nowhere"}, "asr cannot start: ASR_MODEL '/nowhere' is not on this machine; use"),
        ({"ASR_ENGINE": "openai"}, "asr cannot start: ASR_ENGINE=openai needs ASR_OPENAI_URL"),
        ({"ASR_ENGINE": "parrot"}, "ASR_ENGINE must be 'whisper', 'openai' or 'off'"),
    ],
)
def test_a_start_that_cannot_be_is_a_sentence(settings: dict[str, str], sentence: str) -> None:
    """The process ends and says what to change."""
    command = [sys.executable, "-m", "services.asr.server"]
    ended = subprocess.run(
        command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert "Traceback" not in ended.stderr
