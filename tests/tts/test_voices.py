"""Cloned voices over HTTP: their life, their owners, and the recordings that are refused. The engine here is piper."""

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from services.common.errors import Problem
from services.tts.cloning.recordings import RATE, Recording, check, pitch, read, snr_db, speakers_apart
from services.tts.settings import TtsSettings
from services.tts.sound import Sound
from tests.tts.conftest import Tts, serving, sound_of

STATEMENT = "I am Joe, and I agree that this voice is cloned for tests."
TEXT = (
    "Everything runs on your own machine, and nothing that you say ever leaves it. "
    "Ask it something, and it answers aloud. Is that not what you have been looking for?"
)


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("voices")


@pytest.fixture(scope="module")
def service(voices: Path) -> Iterator[Tts]:
    with serving(TtsSettings(tts_engine="piper", tts_voice="joe", voices_dir=str(voices))) as tts:
        yield tts


@pytest.fixture(scope="module")
def speech(service: Tts) -> Sound:
    """Some nine seconds of one person in a quiet room, 22 050 Hz."""
    sound = sound_of(service.say(TEXT)).astype(np.float32) / 32768
    room = np.random.default_rng(3).normal(0, 0.0005, len(sound))
    return (sound + room).astype(np.float32)


def encoded(sound: Sound, format: str = "WAV", subtype: str | None = None, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format=format, subtype=subtype)
    return file.getvalue()


def post(tts: Tts, name: str, audio: bytes, **fields: str) -> httpx.Response:
    form = {"consent": "true", "statement": STATEMENT, "language": "en"} | fields
    return tts.client.post(f"{tts.url}/v1/voices/{name}", files={"audio": ("a.bin", audio)}, data=form)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(("format", "subtype"), [("WAV", "PCM_24"), ("FLAC", None), ("MP3", None), ("OGG", "OPUS")])
def test_each_format_makes_a_voice(service: Tts, speech: Sound, format: str, subtype: str | None) -> None:
    """A good recording passes in every format; what is kept names the consent and the hash of what was sent."""
    sent = (
        encoded(np.repeat(speech, 2), format, subtype, 48000) if subtype == "OPUS" else encoded(speech, format, subtype)
    )
    made = post(service, f"as-{format.lower()}", sent)
    assert made.status_code == 201, made.text
    body = made.json()
    assert body["audio_sha256"] == hashlib.sha256(sent).hexdigest()
    assert (body["statement"], body["speaks"]) == (STATEMENT, False)
    shown = service.client.get(f"{service.url}/v1/voices/as-{format.lower()}", headers=bearer(body["voice_token"]))
    assert shown.json() == {k: v for k, v in body.items() if k != "voice_token"}


def test_a_voice_is_its_owners(service: Tts, speech: Sound, voices: Path) -> None:
    """Without its token, or with another voice's, nobody sees, uses or deletes it; the token is nowhere on disk."""
    token, other = (post(service, name, encoded(speech)).json()["voice_token"] for name in ("mine", "yours"))
    url = f"{service.url}/v1/voices/mine"
    for method in ("GET", "DELETE"):
        assert service.client.request(method, url).status_code == 401
        assert service.client.request(method, url, headers=bearer(other)).status_code == 403
    assert service.post(text="Hi.", voice="mine").status_code == 401
    assert service.post(text="Hi.", voice="mine", voice_token=other).status_code == 403
    kept = b"".join(path.read_bytes() for path in (voices / "mine").iterdir())
    assert token.encode() not in kept
    gone = service.client.delete(url, headers=bearer(token))
    assert (gone.status_code, gone.content) == (204, b"")
    assert not (voices / "mine").exists()
    assert service.client.get(url, headers=bearer(token)).status_code == 404
    assert post(service, "mine", encoded(speech)).status_code == 201


def test_another_engine_says_what_a_cloned_voice_needs(service: Tts, speech: Sound) -> None:
    """Piper keeps cloned voices and does not speak in them: 409 with a sentence that names the engine."""
    token = post(service, "kept", encoded(speech)).json()["voice_token"]
    answer = service.post(text="Hi.", voice="kept", voice_token=token)
    assert answer.status_code == 409
    assert "TTS_ENGINE=xtts" in answer.json()["detail"]


def test_a_voice_survives_a_restart(speech: Sound, tmp_path: Path) -> None:
    """Another start knows the voice, its consent and its token; a half-made one and a broken one disturb nobody."""
    settings = TtsSettings(tts_engine="espeak", voices_dir=str(tmp_path))
    with serving(settings) as before:
        made = post(before, "lasting", encoded(speech)).json()
    (tmp_path / ".new-1234").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/voice.json").write_text("{")
    with serving(settings) as after:
        shown = after.client.get(f"{after.url}/v1/voices/lasting", headers=bearer(made["voice_token"]))
        assert shown.status_code == 200
        assert shown.json()["audio_sha256"] == made["audio_sha256"]
    assert not (tmp_path / ".new-1234").exists()


@pytest.mark.parametrize(
    "name", ["..", "a.b", "A", "-a", "a b", "é", "a" * 49, "%2e%2e%2fjoe", "con%00", "joe%5c..%5cx"]
)
def test_names_are_plain(service: Tts, speech: Sound, voices: Path, name: str) -> None:
    """Tricks with paths and names that not every disk can tell apart are refused, and nothing is written."""
    before = sorted(voices.iterdir())
    answer = post(service, name, encoded(speech))
    assert answer.status_code in (404, 405, 413, 422), answer.text
    assert sorted(voices.iterdir()) == before


def test_a_name_is_taken_once(service: Tts, speech: Sound) -> None:
    """A second voice of the name, or one with an embedded voice's, is 409."""
    assert post(service, "twice", encoded(speech)).status_code == 201
    assert post(service, "twice", encoded(speech)).status_code == 409
    for name in ("joe", "xtts-me", "espeak-me"):
        assert post(service, name, encoded(speech)).status_code == 409


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"consent": "false"}, "consent"), ({"consent": ""}, "consent"), ({"statement": "ok"}, "statement"),
     ({"language": "no such"}, "language")],
)  # fmt: skip
def test_consent_is_needed(service: Tts, speech: Sound, fields: dict[str, str], field: str) -> None:
    """Without consent, or without words for it, there is no voice."""
    answer = post(service, "unwilling", encoded(speech), **fields)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(field)
    missing = service.client.post(f"{service.url}/v1/voices/unwilling", files={"audio": ("a", encoded(speech))})
    assert missing.status_code == 422
    assert "consent" in missing.json()["detail"]


def test_a_body_that_is_too_large_is_refused(service: Tts) -> None:
    """413, whatever is in it; small ones elsewhere keep their own limit."""
    assert post(service, "huge", bytes(25_000_000)).status_code == 413
    assert service.post(text="x" * 70_000).status_code == 413


def higher(sound: Sound, semitones: float) -> Sound:
    """The same at another pitch (and pace), as another person's voice would be."""
    at = np.arange(0, len(sound) - 1, 2 ** (semitones / 12))
    return np.asarray(np.interp(at, np.arange(len(sound)), sound), np.float32)


def noise(sound: Sound, amplitude: float) -> Sound:
    return np.random.default_rng(5).normal(0, amplitude, len(sound)).astype(np.float32)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda s: s[: 3 * RATE], "at least 6 s"),
        (lambda s: np.tile(s, 4), "longer than 30 s"),
        (lambda s: np.zeros_like(s), "silent"),
        (lambda s: s * 0.001, "silent"),
        (lambda s: np.concatenate([s[: 2 * RATE], np.zeros(6 * RATE, np.float32)]), "speech"),
        (lambda s: np.clip(s * 8, -0.9, 0.9), "clipped"),
        (lambda s: s + noise(s, 0.03), "noisy"),
        (lambda s: noise(s, 0.1), "noisy"),
        (lambda s: np.concatenate([s, higher(s, 10)]), "more than one person"),
    ],
)
def test_what_would_make_a_bad_voice_is_refused(service: Tts, speech: Sound, spoil, sentence: str) -> None:  # type: ignore[no-untyped-def]
    """Each fault is named in a sentence, and nothing is kept."""
    answer = post(service, "bad", encoded(spoil(speech)))
    assert answer.status_code == 422, answer.text
    assert sentence in answer.json()["detail"]
    assert answer.json()["field"] == "audio"


@pytest.mark.parametrize("sent", [b"", b"not audio", b"RIFF" + bytes(100), json.dumps({"a": 1}).encode()])
def test_what_is_no_audio_is_refused(service: Tts, sent: bytes) -> None:
    """Anything else is a sentence that names the formats."""
    answer = post(service, "bad", sent)
    assert answer.status_code == 422
    assert "FLAC" in answer.json()["detail"] or "audio" in answer.json()["detail"]


def test_an_odd_rate_is_refused(service: Tts, speech: Sound) -> None:
    """Half the rate passes; one at which there is no voice left is named."""
    assert post(service, "half", encoded(speech[::2], rate=11025)).status_code == 201
    answer = post(service, "bad", encoded(speech, rate=4000))
    assert answer.status_code == 422
    assert "4000 Hz" in answer.json()["detail"]


def test_hours_in_a_small_file_are_not_read(service: Tts) -> None:
    """Ten minutes of nothing take little room; no more is unpacked than the limit."""
    sent = encoded(np.zeros(600 * RATE, np.float32), "FLAC")
    assert len(sent) < 1_000_000
    with pytest.raises(Problem, match="longer than 30 s"):
        read(sent)


def test_a_lively_speaker_is_one(speech: Sound) -> None:
    """A pitch that glides over a fifth is one person's; two heaps of it a fourth apart are not yet two."""
    assert speakers_apart(speech) is None
    glide = np.concatenate([higher(part, t) for t, part in enumerate(np.array_split(speech, 6))])
    assert speakers_apart(glide) is None
    check(Recording(np.concatenate([speech, speech])))


def test_pitch_is_found() -> None:
    """A buzz of 120 Hz and of 210 Hz is heard as such."""
    for hz in (120, 210):
        harmonics = [np.sin(2 * np.pi * hz * k * np.arange(RATE) / RATE) / k for k in range(1, 10)]
        buzz = np.asarray(np.sum(harmonics, axis=0) / 3, np.float32)
        assert np.median(pitch(buzz)) == pytest.approx(hz, rel=0.02)


def test_noise_is_measured() -> None:
    """Speech over noise of a known level is estimated within a few dB."""
    levels = np.r_[np.full(30, -60.0), np.full(70, -30.0)].astype(np.float32)
    assert snr_db(levels) == pytest.approx(30)
