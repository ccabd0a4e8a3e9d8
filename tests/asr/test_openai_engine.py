"""A server of the OpenAI protocol, and the engine that stands in for it."""

import email.parser
import io
import json
import threading
import time
import wave
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from services.asr.audio.sound import RATE
from services.asr.transcription.engine import EngineError, Transcription
from services.asr.transcription.fallback import FallbackEngine
from services.asr.transcription.openai import OpenAiEngine
from services.asr.turns.classifier import classify
from tests.asr.wire import SameWords
from tests.voices import cough, say, silence

Answer = tuple[int, Any] | float


class Server:
    """A server of the protocol. `answer`: (status, body) or seconds to wait, or one of these for each form of answer;
    `calls`: what came in."""

    def __init__(self) -> None:
        self.answer: Answer | dict[str, Answer] = (200, {"text": "Hello there."})
        self.calls: list[dict[str, Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # so that a connection may serve many calls

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.calls.append(
                    {"path": self.path, "auth": self.headers["Authorization"], "peer": self.client_address}
                    | parts_of(self.headers["Content-Type"], body)
                )
                answer = server.answer
                if isinstance(answer, dict):
                    answer = answer[server.forms()[-1]]
                if isinstance(answer, float):
                    time.sleep(answer)
                    return
                status, what = answer
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

    def forms(self) -> list[str]:
        """The form of answer that each call asked for."""
        return [call["response_format"] for call in self.calls]

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
    engine = OpenAiEngine(server.url, "whisper-1", "k3y", "en")
    assert engine.transcribe(say("Hello."), final=True) == Transcription(" Hello.", -0.25, 0.5)
    (call,) = server.calls
    assert (call["path"], call["auth"]) == ("/v1/audio/transcriptions", "Bearer k3y")
    assert (call["model"], call["language"]) == ("whisper-1", "en")
    with wave.open(io.BytesIO(call["file"])) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        assert file.getnframes() == len(say("Hello."))
    engine.close()


def test_every_stretch_has_a_connection_of_its_own(server: Server) -> None:
    """None waits to be closed by the server while the next stretch is under way; vLLM closes one after a 500 too."""
    engine = OpenAiEngine(server.url, "m", "", "en")
    for _ in range(3):
        engine.transcribe(silence(300), final=False)
    assert len({call["peer"] for call in server.calls}) == 3
    engine.close()


def test_a_server_that_knows_plain_json_only(server: Server) -> None:
    """A 400 for the richer form is followed by the plain one, then and from then on."""
    server.answer = {"verbose_json": (400, {"error": "response_format"}), "json": (200, {"text": "Hello."})}
    engine = OpenAiEngine(server.url, "m", "", "en")
    assert engine.transcribe(say("Hello."), final=True) == Transcription("Hello.")
    assert engine.transcribe(say("Hello."), final=True) == Transcription("Hello.")
    assert server.forms() == ["verbose_json", "json", "json"]
    engine.close()


def test_a_400_for_another_reason_changes_nothing(server: Server) -> None:
    """What the server takes in no form (a language that it does not know) is no reason to do without its doubts."""
    server.answer = (400, vllm_error("Unsupported language: 'xx'.", 400))
    engine = OpenAiEngine(server.url, "m", "", "xx")
    for _ in range(2):
        with pytest.raises(EngineError, match=r"400.*ASR_LANGUAGE"):
            engine.transcribe(say("Hello."), final=True)
    assert server.forms() == ["verbose_json", "json"] * 2
    engine.close()


# What vLLM 0.32 answered with tiny.en: to a question, to one said over and over for 28 s, where the model ends at once.


def vllm_error(message: str, status: int) -> dict[str, Any]:
    kind = {400: "BadRequestError", 500: "InternalServerError"}[status]
    return {"error": {"message": message, "type": kind, "param": None, "code": status}}


def vllm_json(text: str) -> dict[str, Any]:
    return {"text": text, "usage": {"type": "duration", "seconds": 28}}


VLLM_SEGMENT: dict[str, Any] = {
    "id": 0,
    "avg_logprob": -0.2834841698873788,
    "compression_ratio": 0.8260869565217391,
    "end": 2.0,
    "no_speech_prob": None,
    "seek": 0,
    "start": 0.0,
    "temperature": 0.0,
    "text": " What are the opening hours on Sunday?",
    "tokens": [1867, 389, 262, 4756, 2250, 319, 3502, 30],
}
VLLM_WORDS = {
    "duration": 2.13225,
    "language": "en",
    "text": " What are the opening hours on Sunday?",
    "segments": [VLLM_SEGMENT],
    "words": None,
}
VLLM_NO_MARKS: Answer = (200, {"duration": 28.0, "language": "en", "text": "", "segments": [], "words": None})
VLLM_ENDED_AT_ONCE: Answer = (500, vllm_error("tuple index out of range", 500))


def test_vllms_answer(server: Server) -> None:
    """Its doubts are taken over; that nobody speaks it never says."""
    server.answer = (200, VLLM_WORDS)
    engine = OpenAiEngine(server.url, "m", "", "en")
    words = engine.transcribe(say("Hello."), final=True)
    assert words == Transcription(" What are the opening hours on Sunday?", VLLM_SEGMENT["avg_logprob"], 0.0)
    assert not classify(words, voiced_ms=1700).noise
    assert server.forms() == ["verbose_json"]
    engine.close()


@pytest.mark.parametrize("rich", [VLLM_NO_MARKS, VLLM_ENDED_AT_ONCE])
def test_words_that_vllm_has_in_plain_json_only(server: Server, rich: Answer) -> None:
    """Without marks of time a stretch is asked for again and its words doubted; the next is asked for richly."""
    server.answer = {"verbose_json": rich, "json": (200, vllm_json(" What are the opening hours on Sunday?"))}
    engine = OpenAiEngine(server.url, "m", "", "en")
    heard = classify(engine.transcribe(say("Hello."), final=True), voiced_ms=1700)
    assert (heard.text, heard.noise) == ("What are the opening hours on Sunday?", False)
    server.answer |= {"json": (200, vllm_json(" you"))}
    assert classify(engine.transcribe(cough(1), final=True), voiced_ms=400).noise
    assert server.forms() == ["verbose_json", "json"] * 2
    engine.close()


def test_a_model_of_vllm_that_hears_nothing_ever(server: Server) -> None:
    """One for English only is stood in for, with a sentence; one that had words before has none for a cough."""
    ends_at_once = {"verbose_json": VLLM_ENDED_AT_ONCE, "json": (200, vllm_json(""))}
    server.answer = ends_at_once
    engine = OpenAiEngine(server.url, "m", "", "en")
    with pytest.raises(EngineError, match="not for English only"):
        engine.transcribe(say("Hello."), final=True)
    server.answer = (200, VLLM_WORDS)
    engine.transcribe(say("Hello."), final=True)
    server.answer = ends_at_once
    assert engine.transcribe(cough(1), final=True).text == ""
    engine.close()


@pytest.mark.parametrize(
    "answer", [(401, {}), (500, b"oops"), (200, b"no json"), (200, ["text"]), (200, {"segments": []}), 3.0]
)
def test_a_server_that_fails_is_stood_in_for(server: Server, answer: Any) -> None:
    """After errors, nonsense and silence the words come from this machine, and the server has a while's rest."""
    server.answer = answer
    here = SameWords("From here.")
    engine = FallbackEngine(OpenAiEngine(server.url, "m", "", "en"), here)
    assert engine.transcribe(say("Hello."), final=False).text == "From here."
    assert engine.transcribe(say("Hello."), final=False).text == "From here."
    assert server.forms() == (["verbose_json", "json"] if answer == (500, b"oops") else ["verbose_json"])
    assert len(here.heard) == 2
    engine.close()


def test_a_server_that_is_away_and_comes_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody at the address: Whisper answers at once; once the pause is over the server is asked again."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    server.answer = (503, {})
    engine = FallbackEngine(OpenAiEngine(server.url, "m", "", "en"), SameWords("From here."))
    assert engine.transcribe(say("Hello."), final=True).text == "From here."
    server.answer = (200, {"text": "From there."})
    assert engine.transcribe(say("Hello."), final=True).text == "From here."
    now[0] = 60.0
    assert engine.transcribe(say("Hello."), final=True).text == "From there."
    engine.close()
