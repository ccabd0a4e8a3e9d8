"""`POST /v1/speak` over HTTP, with the real voices."""

import itertools
import json
import threading

import httpx
import numpy as np
import pytest

from services.common.speech import CHUNK_MS, Speech
from tests.tts.conftest import QUICK, Tts, sound_of, until, written

LONG = " ".join(f"This is sentence number {i}, and it goes on for a little while." for i in range(40))
TEXTS = [
    "Yes.",
    "Everything runs on your own machine, and nothing that you say ever leaves it.",
    "It costs $3.5m in 2024! Is that a lot? Ask joe@example.com.",
    "- one\n- two\n\n**three** — four",
    "The word привет means hello; 你好，世界。",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("body", [{}, {"voice": QUICK}, {"sr": 16000}, {"sr": 48000, "voice": QUICK}])
def test_messages_keep_the_contract(tts: Tts, text: str, body: dict[str, object]) -> None:
    """Chunks are contiguous from 0 and 160 to 320 ms, only the last shorter; times grow; the last is final."""
    messages = tts.say(text, **body)
    chunks = [chunk for m in messages for chunk in m.chunks]
    assert chunks[0].t0 == 0
    assert all(a.t1 == b.t0 for a, b in itertools.pairwise(chunks))
    assert all(CHUNK_MS[0] <= c.t1 - c.t0 <= CHUNK_MS[1] for c in chunks[:-1])
    assert all(len(c.pcm()) // 2 == (c.t1 - c.t0) * messages[0].sr / 1000 for c in chunks)
    assert chunks[-1].t1 % 20 == 0
    assert [m.final for m in messages] == [False] * (len(messages) - 1) + [True]
    assert {(m.session, m.turn, m.sr) for m in messages} == {("s", 1, body.get("sr", 22050))}

    visemes = [v for m in messages for v in m.visemes]
    assert all(a.t <= b.t and a.v != b.v for a, b in itertools.pairwise(visemes))
    assert visemes[0].t == 0
    assert visemes[-1].v == "SIL"
    words = [w for m in messages for w in m.words]
    assert all(w.t0 <= w.t1 for w in words)
    assert all(a.t1 <= b.t0 for a, b in itertools.pairwise(words))
    assert words[-1].t1 <= chunks[-1].t1
    for m in messages:  # what a message tells about begins in its own chunk, or there is a reason to know it late
        assert all(m.t0 <= v.t for v in m.visemes)
        assert all(m.t0 <= w.t0 for w in m.words)


def test_words_cover_the_speech(tts: Tts) -> None:
    """All that is loud lies within a word, and every word holds something loud."""
    messages = tts.say("The avatar speaks in your own voice, and it stops when you interrupt it.")
    pcm, words = sound_of(messages).astype(float), [w for m in messages for w in m.words]
    loud = np.array([np.sqrt((f**2).mean()) > 1000 for f in np.array_split(pcm, len(pcm) // 221)])  # 10 ms each
    inside = np.zeros_like(loud)
    for word in words:
        span = slice(word.t0 // 10, word.t1 // 10 + 3)
        inside[span] = True
        assert loud[span].any(), word
    assert not (loud & ~inside).any()


def test_captions_are_what_was_written(tts: Tts) -> None:
    """Numbers and addresses are said in words and shown as written, over the whole of what is said for them."""
    text = "It costs $3,456.78 at https://example.com/shop since 2024."
    messages = tts.say(text)
    assert written(messages) == text
    words = {w.text: w.t1 - w.t0 for m in messages for w in m.words}
    assert words["$3,456.78"] > 4 * words["costs"]


def test_sound_is_level_and_unbroken(tts: Tts) -> None:
    """Little silence before the first sound, about -20 dBFS, nothing clipped, no jump at the joins of chunks."""
    messages = tts.say("Everything runs on your own machine. Nothing that you say ever leaves it! Is that not good?")
    pcm = sound_of(messages).astype(float)
    assert np.flatnonzero(np.abs(pcm) > 200)[0] < 0.04 * 22050
    active = [f for f in np.array_split(pcm, len(pcm) // 441) if np.sqrt((f**2).mean()) > 300]
    rms = 20 * np.log10(np.sqrt((np.concatenate(active) ** 2).mean()) / 32768)
    assert -24 < rms < -16
    assert np.abs(pcm).max() < 32200
    jumps = np.abs(np.diff(pcm))
    joins = [chunk.t1 * 22050 // 1000 - 1 for m in messages for chunk in m.chunks][:-1]
    assert jumps[joins].max() <= jumps.max()
    assert np.percentile(jumps[joins], 50) <= np.percentile(jumps, 95)


def test_another_rate_is_the_same_sound(tts: Tts) -> None:
    """Resampled speech lasts as long and begins at the same time as the voice's own."""
    own, other = (tts.say("Hello, hello, hello there.", voice=QUICK, sr=sr) for sr in (22050, 16000))
    a, b = sound_of(own).astype(float), sound_of(other).astype(float)
    assert abs(len(a) / 22050 - len(b) / 16000) < 0.021
    envelope = [
        np.array([np.abs(s[i : i + n]).mean() for i in range(0, len(s) - n, n)]) for s, n in ((a, 441), (b, 320))
    ]
    length = min(map(len, envelope))
    assert np.corrcoef(envelope[0][:length], envelope[1][:length])[0, 1] > 0.98
    assert [w for m in own for w in m.words] == [w for m in other for w in m.words]


def test_sound_streams_before_the_text_is_done(tts: Tts) -> None:
    """The first message of a long text arrives while the rest is still being made."""
    body = {"session": "streams", "turn": 1, "text": LONG}
    with tts.client.stream("POST", f"{tts.url}/v1/speak", json=body) as response:
        lines = response.iter_lines()
        first = Speech.model_validate_json(next(lines))
        assert first.t0 == 0
        assert first.chunks
        assert tts.speaking() == 1
    until(lambda: tts.speaking() == 0)


def test_closing_the_connection_stops_the_work(tts: Tts) -> None:
    """Nobody listens: nothing more is made, long before the text would be over."""
    body = {"session": "closes", "turn": 1, "text": LONG}
    with tts.client.stream("POST", f"{tts.url}/v1/speak", json=body) as response:
        lines = response.iter_lines()
        assert next(lines)
        assert tts.speaking() == 1
    until(lambda: tts.speaking() == 0, 3)


def test_cancel_ends_the_stream(tts: Tts) -> None:
    """After a cancel the stream ends without a final message, the turn stays silent, and the next one is spoken."""
    body = {"session": "cancels", "turn": 4, "text": LONG}
    with tts.client.stream("POST", f"{tts.url}/v1/speak", json=body) as response:
        lines = response.iter_lines()
        messages = [json.loads(next(lines))]
        tts.cancel("cancels", 4)
        messages += [json.loads(line) for line in lines]
    assert not any(m["final"] for m in messages)
    assert messages[-1]["chunks"][-1]["t1"] < 60_000
    assert tts.say("No.", session="cancels", turn=4) == []
    assert tts.say("Yes.", session="cancels", turn=5)[-1].final
    assert tts.say("Yes.", session="another", turn=4)[-1].final


def test_speakers_share(tts: Tts) -> None:
    """A short utterance is over while a long one, asked for before it, is still being made."""
    began, done = threading.Event(), threading.Event()

    def long_one() -> None:
        body = {"session": "long", "turn": 1, "text": LONG}
        with httpx.Client(timeout=60) as client, client.stream("POST", f"{tts.url}/v1/speak", json=body) as response:
            for _ in response.iter_lines():
                began.set()
        done.set()

    thread = threading.Thread(target=long_one)
    thread.start()
    assert began.wait(10)
    for i in range(3):
        assert tts.say("Short and sweet.", session=f"short-{i}")[-1].final
    assert not done.is_set()
    tts.cancel("long", 1)
    thread.join(10)
    assert done.is_set()


@pytest.mark.parametrize("text", ["...", "👋 🎉", "— !?", "**"])
def test_nothing_to_say_is_one_empty_message(tts: Tts, text: str) -> None:
    """Marks and emoji alone: one final message without sound."""
    (message,) = tts.say(text)
    assert message.final
    assert (message.chunks, message.words, message.visemes) == ([], [], [])


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"text": ""}, "text", "nothing to say"),
        ({"text": " \n\t "}, "text", "nothing to say"),
        ({"text": "a" * 10_001}, "text", "10001 characters"),
        ({"text": 5}, "text", "string"),
        ({"text": "សួស្តី"}, "text", "Khmer"),
        ({"text": "9" * 10_000}, "text", "take an hour"),
        ({"text": "hi", "voice": "nobody"}, "voice", "joe"),
        ({"text": "hi", "voice": "joe", "language": "de"}, "language", "en-us"),
        ({"text": "hi", "language": "xx"}, "language", "en-us"),
        ({"text": "hi", "language": "not a language"}, "language", "such as en"),
        ({"text": "hi", "sr": 12345}, "sr", "16000"),
        ({"text": "hi", "turn": 0}, "turn", "1 or more"),
        ({"text": "hi", "session": "a b"}, "session", "1 to 64"),
        ({"text": "hi", "session": None}, "session", "string"),
    ],
)
def test_bad_input_is_a_problem_that_names_the_field(tts: Tts, body: dict[str, object], field: str, says: str) -> None:
    """A clear 422 as a problem document, and the service still speaks."""
    response = tts.post(**body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert field in response.json()["detail"]
    assert says in response.text
    assert tts.say("Still here.", voice=QUICK)[-1].final


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 422), (b"[]", 422), (b'"x"', 422), (b"\xff\xfe", 422), (b'{"text":"' + b"a" * 70_000 + b'"}', 413)],
)
def test_malformed_bodies(tts: Tts, content: bytes, status: int) -> None:
    """What is not the JSON object that is asked for is refused, never a 5xx."""
    response = tts.client.post(f"{tts.url}/v1/speak", content=content, headers={"content-type": "application/json"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_000,
        "9" * 500,
        "a " * 1_500,
        "\x00\x01 hello \x1b[31m",
        "hello \\ud800 world",
        "https://" + "a/" * 200,
        "?!" * 400 + " well",
        "[" * 2_000 + "x",
        "<a" * 300,
        "Zwölf Boxkämpfer jagen Viktor über den großen Sylter Deich",
    ],
)
def test_odd_text_is_spoken_or_refused(tts: Tts, text: str) -> None:
    """Whatever the text, the outcome is speech or a problem document."""
    response = tts.post(text=text, voice=QUICK)
    assert response.status_code == 200
    assert json.loads(response.text.splitlines()[-1])["final"]


def test_lone_surrogates_are_dropped(tts: Tts) -> None:
    """JSON may smuggle half a character in; it is dropped like a control character."""
    content = b'{"session":"s","turn":1,"text":"x \\ud800 y"}'
    response = tts.client.post(f"{tts.url}/v1/speak", content=content, headers={"content-type": "application/json"})
    assert [w["text"] for line in response.text.splitlines() for w in json.loads(line)["words"]] == ["x", "y"]


@pytest.mark.parametrize(
    ("language", "text"), [("de", "Guten Tag, wie geht's?"), ("ru", "Привет, мир."), ("fr", "Ça va ?")]
)
def test_other_languages(tts: Tts, language: str, text: str) -> None:
    """A language without a neural voice is spoken by espeak, its captions as written."""
    messages = tts.say(text, language=language)
    assert np.abs(sound_of(messages)).max() > 3000
    assert written(messages) == text


def test_voices_are_listed(tts: Tts) -> None:
    """The neural voice is the default one, and espeak's are there under the names that speak accepts."""
    voices = tts.client.get(f"{tts.url}/v1/voices").json()
    assert voices[0] == {
        "name": "joe",
        "engine": "piper",
        "language": "en-us",
        "languages": [],
        "gender": "male",
        "sample_rate": 22050,
        "default": True,
        "cloned": False,
    }
    assert sum(v["default"] for v in voices) == 1
    assert {"espeak-en-us", "espeak-de", "espeak-cmn"} <= {v["name"] for v in voices}


def test_ready_means_that_it_speaks(tts: Tts) -> None:
    """Ready after a word was said, and times to first sound are counted."""
    assert tts.client.get(f"{tts.url}/readyz").status_code == 200
    tts.say("Hello.")
    metrics = tts.client.get(f"{tts.url}/metrics").text
    for name in ("tts_ttfb", "tts_ttfa"):
        assert float(next(li for li in metrics.splitlines() if li.startswith(f"{name}_count")).split()[1]) > 0
