"""The service between the real gateway and the bus: sessions, speech by WebRTC, and everything that can go away."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.asr.settings import AsrSettings
from services.asr.transcription.engine import Transcriber
from services.asr.transcription.loading import load_engine
from services.common.logs import configure_logs
from services.common.messages import SERVICES_CHANNEL, Close, Heartbeat, control_channel
from services.common.tokens import issue
from services.common.utterances import TurnOver
from services.stack.environment import ROOT
from tests.asr.conftest import Asr, Talker, running
from tests.asr.wire import SameWords
from tests.gateway.peers import SECRET, Gateway, Peer, until
from tests.microphone import RATE, Microphone
from tests.voices import VOICES, say, silence, understood

QUESTION = "What are the opening hours on Sunday?"
NOWHERE = "http://127.0.0.1:1"


async def ask(asr: Asr, talker: Talker) -> TurnOver:
    """The question, said aloud; its end."""
    before = len(asr.heard)
    talker.microphone.play(np.concatenate([silence(800), say(QUESTION)]))
    await until(lambda: any(isinstance(message, TurnOver) for message in asr.heard[before:]))
    over = asr.heard[-1]
    assert isinstance(over, TurnOver)
    return over


async def forwarded(gateway: Gateway) -> int:
    """How many packets of microphones it has let through."""
    text = (await gateway.http.get("/metrics")).text
    return sum(
        map(int, re.findall(r'^sfu_received_packets_total{kind="audio",role="talker"} (\d+)$', text, re.MULTILINE))
    )


async def test_a_question_by_webrtc(asr: Asr, gateway: Gateway) -> None:
    """Said into a microphone in the session it comes out word for word; asr takes no viewer's place."""
    assert (await asr.listen()).status_code == 201
    await asr.reaches("listening")
    assert (await gateway.sessions())["s1"]["viewers"] == 0
    talker = await Talker(gateway).join()
    over = await ask(asr, talker)
    assert understood(over.text, QUESTION)
    assert asr.kinds() == ["speech_started", "eager_end_of_turn", "turn_over"]
    assert over.end_of_turn_delay >= 600
    await talker.close()


async def test_the_avatars_voice_through_the_gateway_is_the_reference(asr: Asr, gateway: Gateway) -> None:
    """What a renderer publishes and a loudspeaker brings back starts nothing; the same without a renderer is speech."""
    face, echo = Microphone(), Talker(gateway)
    renderer = Peer(gateway)
    renderer.send(face)
    await renderer.join("/whip", "s1", "renderer")
    await echo.join()
    await asr.listen()
    await asr.reaches("listening")
    said = np.concatenate([say("Two cores are enough, and no graphics card is needed."), silence(500)] * 3)
    face.play(said)
    echo.microphone.play(np.concatenate([silence(120), said]), gain=0.3)
    await until(lambda: echo.microphone.quiet)
    # What an echo starts is published before the question, which comes after it on the same line.
    assert understood((await ask(asr, echo)).text, QUESTION)
    assert asr.kinds().count("speech_started") == 1
    for peer in (renderer, echo):
        await peer.close()


async def test_a_talker_comes_back(asr: Asr, gateway: Gateway) -> None:
    """A microphone that vanishes in mid-word ends its utterance; the next one is heard like the first."""
    await asr.listen()
    first = await Talker(gateway).join()
    first.microphone.play(say(QUESTION))
    await until(lambda: asr.kinds() == ["speech_started"])
    await first.close()
    await until(lambda: len(asr.kinds()) > 1 and asr.kinds()[-1] in ("turn_over", "dismissed"))
    second = await Talker(gateway).join()
    assert understood((await ask(asr, second)).text, QUESTION)
    await second.close()


async def test_two_talkers_take_turns(asr: Asr, gateway: Gateway) -> None:
    """The gateway gives the floor to one microphone at a time; nothing of the other mixes in, and nothing breaks."""
    await asr.listen()
    first, second = await Talker(gateway).join(), Talker(gateway)
    await asr.reaches("listening")
    await second.join()
    second.microphone.play(say("Do you need a GPU?", VOICES[1]))
    assert understood((await ask(asr, first)).text, QUESTION)
    await first.close()

    before = await forwarded(gateway)

    async def the_floor_passed() -> bool:
        return await forwarded(gateway) > before + 10  # no longer what was under way

    await until(the_floor_passed)
    assert understood((await ask(asr, second)).text, QUESTION)
    await second.close()


async def test_the_gateway_is_restarted(binary: Path, gateway_env: dict[str, str], whisper: Transcriber) -> None:
    """asr joins again by itself, with the token that it has."""
    async with (
        Gateway.running(binary, gateway_env) as gateway,
        running(str(gateway.http.base_url), load=lambda _: whisper) as asr,
    ):
        await asr.listen()
        await asr.reaches("listening")
        gateway.process.kill()
        await gateway.process.wait()
        await asr.reaches("reconnecting")
        async with Gateway.running(binary, gateway_env) as again:
            await asr.reaches("listening")
            talker = await Talker(again).join()
            assert understood((await ask(asr, talker)).text, QUESTION)
            await talker.close()


async def test_the_bus_is_away(asr: Asr, gateway: Gateway) -> None:
    """What is heard meanwhile is lost, and not said late; asr says that it is not ready, and goes on by itself."""
    await asr.listen()
    await asr.reaches("listening")
    talker = await Talker(gateway).join()
    asr.bus.away = True
    talker.microphone.play(say("Do you need a GPU?"))
    assert (await asr.http.get("/readyz")).json()["missing"] == ["redis"]
    await until(lambda: any(isinstance(message, TurnOver) for message in asr.bus.missed))
    asr.bus.away = False
    assert understood((await ask(asr, talker)).text, QUESTION)
    assert asr.kinds().count("turn_over") == 1
    await talker.close()


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
    """The session has no ears and frees its place; opened with a good one, it has."""
    await asr.listen(token=issue(SECRET, "another", "asr"))
    await asr.reaches(None)
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


async def test_sound_is_not_written_and_words_are_not_logged(
    asr: Asr, gateway: Gateway, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a turn is heard and transcribed no file is opened for writing, and above debug no word of it is logged."""
    written: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "open" and arguments[1] and set(str(arguments[1])) & set("wax+"):
            written.append(str(arguments[0]))

    configure_logs("asr", AsrSettings(log_level="info"))
    await asr.listen()
    talker = await Talker(gateway).join()
    sys.addaudithook(watch)  # cannot be taken away again
    try:
        over = await ask(asr, talker)
    finally:
        watching = False
    assert understood(over.text, QUESTION)
    logged = capsys.readouterr().out
    assert "listening" in logged
    assert not any(word in logged for word in ("opening", "hours", "Sunday"))
    assert written == []
    await talker.close()


async def test_a_tone_is_no_voice(asr: Asr, gateway: Gateway) -> None:
    """A steady tone in the microphone, as of a telephone, is no turn; a question after it is heard."""
    await asr.listen()
    await asr.reaches("listening")
    talker = await Talker(gateway).join()
    talker.microphone.play(0.25 * np.sin(2 * np.pi * 440 / RATE * np.arange(3 * RATE, dtype=np.float32)))
    await until(lambda: talker.microphone.quiet)
    # A turn of the tone would be published before the question's, which comes after it on the same line.
    assert understood((await ask(asr, talker)).text, QUESTION)
    assert asr.kinds().count("turn_over") == 1
    await talker.close()


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
