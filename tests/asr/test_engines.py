"""The engines: Whisper on this machine, a server of the OpenAI protocol, and the one for the other."""

import email.parser
import io
import json
import threading
import time
import wave
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.asr.engine import RATE, EngineError, Sound, Transcriber, Words
from services.asr.engines import StoodInFor, load_engine
from services.asr.judging import read
from services.asr.openai_engine import OpenAiTranscriber
from services.asr.settings import AsrSettings
from services.asr.whisper_engine import WhisperTranscriber
from tests.asr.wire import SameWords
from tests.voices import cough, noise, say, silence, understood


def spoken(sound: Sound) -> Sound:
    return np.concatenate([silence(300), sound, silence(100)])


@pytest.mark.parametrize("final", [True, False])
def test_whisper_hears_words(whisper: Transcriber, final: bool) -> None:
    """A clear question comes out word for word, as a draft too, and it is said once."""
    words = whisper.transcribe(spoken(say("What are the opening hours on Sunday?")), final=final)
    assert understood(words.text, "What are the opening hours on Sunday?")


@pytest.mark.parametrize("sound", [silence(1000), noise(1, 0), cough(1), cough(2), np.zeros(0, np.float32)])
def test_whisper_makes_no_words_of_noise(whisper: Transcriber, sound: Sound) -> None:
    """What it invents is seen through."""
    assert read(whisper.transcribe(spoken(sound), final=True), voiced_ms=300).noise


@pytest.mark.parametrize("seconds", [0.1, 12.0, 26.0])
def test_whisper_takes_any_length(whisper: Transcriber, seconds: float) -> None:
    """From a syllable to nearly its thirty seconds."""
    sound = np.tile(spoken(say("Do you need a GPU?")), 20)[: int(seconds * RATE)]
    assert isinstance(whisper.transcribe(sound, final=True).text, str)


@pytest.mark.parametrize(("model", "language"), [("/nowhere", "en"), ("large-v3", "en"), ("tiny.en", "de")])
def test_a_model_that_is_not_there_is_a_sentence(model: str, language: str) -> None:
    """The end of the start, with what to do; nothing is fetched from a hub."""
    with pytest.raises(EngineError, match=r"ASR_MODEL .*(not on this machine; use tiny.en|another model)"):
        WhisperTranscriber(model, language, 1)


class Server:
    """A server of the protocol. `answer`: (status, body) or seconds to wait; `calls`: what came in."""

    def __init__(self) -> None:
        self.answer: tuple[int, Any] | float = (200, {"text": "Hello there."})
        self.calls: list[dict[str, Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.calls.append(
                    {"path": self.path, "auth": self.headers["Authorization"]}
                    | parts_of(self.headers["Content-Type"], body)
                )
                if isinstance(server.answer, float):
                    time.sleep(server.answer)
                    return
                status, what = server.answer
                text = what if isinstance(what, bytes) else json.dumps(what).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None: ...

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def parts_of(content_type: str, body: bytes) -> dict[str, Any]:
    """The fields of a multipart body."""
    message = email.parser.BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    found: dict[str, Any] = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        if name:
            payload = part.get_payload(decode=True)
            found[str(name)] = payload if part.get_filename() else payload.decode()  # type: ignore[union-attr]
    return found


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_a_server_gets_a_wav_and_gives_words(server: Server) -> None:
    """The protocol's call: multipart, 16 kHz mono WAV, model, language and key."""
    server.answer = (200, {"text": " Hello.", "segments": [{"avg_logprob": -0.25, "no_speech_prob": 0.5}]})
    engine = OpenAiTranscriber(server.url, "whisper-1", "k3y", "en")
    assert engine.transcribe(say("Hello."), final=True) == Words(" Hello.", -0.25, 0.5)
    (call,) = server.calls
    assert (call["path"], call["auth"]) == ("/v1/audio/transcriptions", "Bearer k3y")
    assert (call["model"], call["language"]) == ("whisper-1", "en")
    with wave.open(io.BytesIO(call["file"])) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        assert file.getnframes() == len(say("Hello."))
    engine.close()


def test_a_server_that_knows_plain_json_only(server: Server) -> None:
    """A 400 for the richer form is followed by the plain one, then and from then on."""
    engine = OpenAiTranscriber(server.url, "m", "", "en")
    replies = iter([(400, {"error": "response_format"}), (200, {"text": "Hello."}), (200, {"text": "Hello."})])

    class OneByOne(list[Any]):
        def append(self, call: Any) -> None:
            server.answer = next(replies)
            super().append(call)

    server.calls = OneByOne()
    assert engine.transcribe(say("Hello."), final=True).text == "Hello."
    assert engine.transcribe(say("Hello."), final=True).text == "Hello."
    assert [call["response_format"] for call in server.calls] == ["verbose_json", "json", "json"]
    engine.close()


@pytest.mark.parametrize(
    "answer", [(401, {}), (500, b"oops"), (200, b"no json"), (200, ["text"]), (200, {"segments": []}), 3.0]
)
def test_a_server_that_fails_is_stood_in_for(server: Server, answer: Any) -> None:
    """Errors, nonsense and silence cost one call: the words come from this machine, and it has a while's rest."""
    server.answer = answer
    here = SameWords("From here.")
    engine = StoodInFor(OpenAiTranscriber(server.url, "m", "", "en"), here)
    assert engine.transcribe(say("Hello."), final=False).text == "From here."
    assert engine.transcribe(say("Hello."), final=False).text == "From here."
    assert len(server.calls) <= 2  # a 400 is asked again in another form; everything else once
    assert len(here.heard) == 2
    engine.close()


def test_a_server_that_is_away_and_comes_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody at the address: Whisper answers at once; once the pause is over the server is asked again."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    server.answer = (503, {})
    engine = StoodInFor(OpenAiTranscriber(server.url, "m", "", "en"), SameWords("From here."))
    assert engine.transcribe(say("Hello."), final=True).text == "From here."
    server.answer = (200, {"text": "From there."})
    assert engine.transcribe(say("Hello."), final=True).text == "From here."
    now[0] = 60.0
    assert engine.transcribe(say("Hello."), final=True).text == "From there."
    engine.close()


def test_the_setting_chooses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """whisper, openai with a stand-in, off; what is missing is a sentence."""
    monkeypatch.chdir(tmp_path)
    assert load_engine(AsrSettings(asr_engine="off")) is None
    assert getattr(load_engine(AsrSettings(asr_engine="whisper")), "name", "") == "whisper"
    with pytest.raises(EngineError, match="ASR_OPENAI_URL"):
        load_engine(AsrSettings(asr_engine="openai"))
    with pytest.raises(EngineError, match="ASR_OPENAI_MODEL"):
        load_engine(AsrSettings(asr_engine="openai", asr_openai_url="http://127.0.0.1:1/v1"))
    both = load_engine(AsrSettings(asr_engine="openai", asr_openai_url="http://127.0.0.1:1/v1", asr_openai_model="m"))
    assert isinstance(both, StoodInFor)
    assert understood(both.transcribe(spoken(say("Do you need a GPU?")), final=True).text, "Do you need a GPU?")
