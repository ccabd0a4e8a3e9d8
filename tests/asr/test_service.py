"""The service between the real gateway and the bus: speech by WebRTC, and everything that can go away."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.asr.settings import AsrSettings
from services.asr.transcription.engine import TranscriptionEngine
from services.common.logs import configure_logs
from services.common.utterances import TurnOver
from tests.asr.conftest import QUESTION, Asr, Talker, ask, running
from tests.gateway.peers import Gateway, Peer, until
from tests.microphone import RATE, Microphone
from tests.voices import VOICES, say, silence, understood


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


async def test_the_gateway_is_restarted(
    binary: Path, gateway_env: dict[str, str], whisper: TranscriptionEngine
) -> None:
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
