"""The XTTS engine through the real HTTP service, on small random weights."""

import itertools
import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from services.common.speech import CHUNK_MS, Speech
from services.tts.catalog import load as load_catalog
from services.tts.settings import TtsSettings
from services.tts.sound import Sound
from services.tts.xtts.decoder import Decoder
from services.tts.xtts.vocoder import Vocoder, Window
from tests.tts.conftest import Tts, sound_of, until, written
from tests.tts.test_voices import STATEMENT, bearer, encoded, post
from tests.xtts.service import xtts
from tests.xtts.tracker import STEP_MS

TEXT = "Hello there. It is 5 pm, Dr. Smith!"
SPEAKER = "xtts-damien-black"


def recording(seed: int = 1) -> np.ndarray:
    """Eight seconds that pass as one person in a quiet room: a voiced buzz in syllables."""
    rate = 22050
    t = np.arange(8 * rate) / rate
    hz = 110 * 2 ** (np.sin(2 * np.pi * 0.4 * t + seed) / 12)
    buzz = sum(np.sin(2 * np.pi * np.cumsum(k * hz) / rate) / k for k in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 2 * t) + 0.6, 0, 1)
    room = np.random.default_rng(seed).normal(0, 0.0003, len(t))
    return (0.2 * buzz * syllables + room).astype(np.float32)


@pytest.mark.parametrize("sr", [24000, 16000, 48000])
def test_messages_keep_the_contract(tts: Tts, sr: int) -> None:
    """Chunks are contiguous: 160 ms first, 320 ms then until a sentence ends; shapes come with their chunk."""
    messages = tts.say(TEXT, voice=SPEAKER, sr=sr)
    chunks = [chunk for m in messages for chunk in m.chunks]
    assert chunks[0].t0 == 0
    assert all(a.t1 == b.t0 for a, b in itertools.pairwise(chunks))
    lengths = [c.t1 - c.t0 for c in chunks]
    if sr == 24000:
        assert lengths[:5] == [CHUNK_MS[0]] + [CHUNK_MS[1]] * 4
    assert all(CHUNK_MS[0] <= length <= CHUNK_MS[1] for length in lengths[:-1])
    assert all(len(c.pcm()) // 2 == (c.t1 - c.t0) * sr / 1000 for c in chunks)
    assert [m.final for m in messages] == [False] * (len(messages) - 1) + [True]
    assert {(m.session, m.turn, m.sr) for m in messages} == {("s", 1, sr)}
    shapes = [v for m in messages for v in m.visemes]
    assert all(a.t <= b.t and a.v != b.v for a, b in itertools.pairwise(shapes))
    for m in messages:
        assert all(m.t0 <= v.t < m.t1 for v in m.visemes)
        # Nothing that begins in the chunk is missing from its message.
        assert len(m.visemes) >= (m.t1 - m.t0) // STEP_MS - 1
    assert written(messages) == TEXT
    words = [w for m in messages for w in m.words]
    assert all(a.t0 <= b.t0 for a, b in itertools.pairwise(words))


def test_sentences_follow_each_other(tts: Tts) -> None:
    """The second sentence's shapes and words are on the utterance's clock; between the two lies a pause."""
    messages = tts.say(TEXT, voice=SPEAKER)
    words = {w.text: w for m in messages for w in m.words}
    pcm = sound_of(messages).astype(float)
    begins = words["It"].t0 * 24
    assert begins > 24000
    assert not pcm[begins - 24 * 250 : begins].any()
    assert np.abs(pcm[begins : begins + 24 * 60]).max() > 200


def test_sound_is_the_librarys(weights: Path, tmp_path: Path) -> None:
    """What is heard over HTTP, chunk after chunk, is sample for sample what the library's `inference` makes."""
    about = json.loads((weights / "config.json").read_text())
    greedy = tmp_path / "greedy"
    shutil.copytree(weights, greedy)
    (greedy / "config.json").write_text(json.dumps(about | {"temperature": 0.0}))
    with xtts(greedy, tmp_path / "voices") as service:
        heard = sound_of(service.say("Hello there.", voice=SPEAKER)).astype(float) / 32767
        settings = TtsSettings(tts_engine="xtts", xtts_dir=str(weights), voices_dir=str(tmp_path / "v"), xtts_voices=1)
        catalog = load_catalog(settings)
        model = catalog.cloning_engine._loaded.model  # type: ignore[union-attr]
        speaker = model.speaker_manager.speakers["Damien Black"]
        made = model.inference(
            "hello there.",
            "en",
            speaker["gpt_cond_latent"],
            speaker["speaker_embedding"],
            do_sample=False,
            repetition_penalty=5.0,
        )["wav"]
        catalog.close()
    loud = np.flatnonzero(np.abs(made) > 0.006)
    begins = max(loud[0] - 480, 0)
    spoken = made[begins : loud[-1] + 1]
    quiet = np.abs(spoken) < 0.75  # above it levels are bent, on purpose
    assert quiet.mean() > 0.9
    assert np.abs(heard[: len(spoken)] - spoken)[quiet].max() < 1e-4


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each step of the model moves, as they happen."""
    steps: list[int] = []
    step = Decoder.step

    def counting(self: Decoder, rows: list[int]) -> list[int]:
        steps.append(len(rows))
        tokens: list[int] = step(self, rows)
        return tokens

    monkeypatch.setattr(Decoder, "step", counting)
    return steps


def test_a_cancelled_turn_stops_within_a_block(tts: Tts, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a cancel, or a closed connection, no more tokens are drawn than those of one part."""
    drawn = counted(monkeypatch)
    long = " ".join(["And this goes on for quite a while, as it seems."] * 40)
    for turn, stop in enumerate(["cancel", "close"], 1):
        body = {"session": stop, "turn": turn, "text": long, "voice": SPEAKER}
        with tts.client.stream("POST", f"{tts.url}/v1/speak", json=body) as response:
            lines = response.iter_lines()
            next(lines)
            if stop == "cancel":
                tts.cancel(stop, turn)
                messages = [Speech.model_validate_json(line) for line in lines]
                assert not any(m.final for m in messages)
        until(lambda: tts.speaking() == 0)
        after = len(drawn)
        # Another voice is served at once; what was begun for the first one's next part may be drawn beside it.
        tts.say("Hi.", voice=SPEAKER)
        assert sum(rows - 1 for rows in drawn[after:]) <= 8
    assert len(drawn) < 40 * 37


def test_speakers_at_once_share_the_model(tts: Tts, monkeypatch: pytest.MonkeyPatch) -> None:
    """More callers than rows: steps are taken together, each hears its own whole speech, and nobody waits for the end
    of all others."""
    together = counted(monkeypatch)
    firsts: list[str] = []
    ends: list[str] = []

    def listen(session: str) -> list[Speech]:
        body = {"session": session, "turn": 1, "text": "One two three. Four five six.", "voice": SPEAKER}
        with tts.client.stream("POST", f"{tts.url}/v1/speak", json=body, timeout=60) as response:
            lines = response.iter_lines()
            messages = [Speech.model_validate_json(next(lines))]
            firsts.append(session)
            messages += [Speech.model_validate_json(line) for line in lines]
            ends.append(session)
        return messages

    with ThreadPoolExecutor(6) as pool:
        heard = list(pool.map(listen, [f"p{i}" for i in range(6)]))
    for session, messages in enumerate(heard):
        assert {m.session for m in messages} == {f"p{session}"}
        assert messages[-1].final
        assert written(messages) == "One two three. Four five six."
        assert sound_of(messages).any()
    assert max(together) > 1
    assert len(together) < sum(together)


def test_a_voice_lives(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cloned voice speaks at once and after a restart, without being learnt anew; deleting it leaves nothing."""
    voices = tmp_path / "voices"
    with xtts(weights, voices) as service:
        made = post(service, "anna", encoded(recording()), language="de").json()
        token = made["voice_token"]
        assert made["speaks"]
        assert sorted(p.name for p in (voices / "anna").iterdir()) == [
            "recording.flac",
            "voice.json",
            "xtts.safetensors",
        ]
        assert service.post(text="Hallo.", voice="anna").status_code == 401
        before = service.say("Hallo du.", voice="anna", voice_token=token)
        assert sound_of(before).any()
        assert service.say("Hello you.", voice="anna", voice_token=token, language="en")
        mine = service.client.get(f"{service.url}/v1/voices", headers=bearer(token)).json()
        assert [(v["language"], v["cloned"]) for v in mine if v["name"] == "anna"] == [("de", True)]
        assert "anna" not in service.client.get(f"{service.url}/v1/voices").text

    import services.tts.xtts.engine as engine

    monkeypatch.setattr(engine, "condition", lambda *_: pytest.fail("learnt anew"))
    with xtts(weights, voices, tts_voice="anna") as service:
        assert service.say("Hallo.")  # the operator's own choice needs no token
        assert service.say("Hallo.", voice="anna", voice_token=token)
        url = f"{service.url}/v1/voices/anna"
        assert service.client.delete(url, headers=bearer(token)).status_code == 204
        assert sound_of(service.say("Hello.")).any()  # in the model's first voice
        assert service.post(text="Hallo.", voice="anna", voice_token=token).status_code == 422
    assert list(voices.iterdir()) == []


def test_other_weights_learn_a_voice_anew(weights: Path, tmp_path: Path) -> None:
    """What was derived with other weights is not used: it is made again from the recording."""
    from tests.xtts.published import TINY, publish

    voices = tmp_path / "voices"
    with xtts(weights, voices) as service:
        post(service, "anna", encoded(recording()))
        first = (voices / "anna/xtts.safetensors").read_bytes()
    with xtts(publish(tmp_path / "other", TINY, seed=8), voices):
        assert (voices / "anna/xtts.safetensors").read_bytes() != first


def test_languages(tts: Tts) -> None:
    """A voice speaks each of the model's languages, and other scripts inside a text; another language is 422."""
    assert sound_of(tts.say("Guten Tag.", voice=SPEAKER, language="de-AT")).any()
    assert sound_of(tts.say("The word привет means hello.", voice=SPEAKER)).any()
    assert sound_of(tts.say("你好，世界。", voice=SPEAKER, language="zh-CN")).any()
    for body in ({"language": "tlh"}, {"language": "el", "voice": SPEAKER}):
        answer = tts.post(text="qapla", **body)
        assert answer.status_code == 422
        assert "language" in answer.json()["detail"]
    unknown = tts.post(text="Hi.", voice="nobody")
    assert unknown.status_code == 422
    assert SPEAKER in unknown.json()["detail"]
    assert tts.post(text="Ελλάδα").status_code == 422


@pytest.mark.parametrize("name", ["config.json", "model.pth", "vocab.json", "speakers_xtts.pth"])
def test_missing_weights_are_a_sentence(weights: Path, tmp_path: Path, name: str) -> None:
    """The start ends with the name of the file and of the setting."""
    folder = tmp_path / "weights"
    shutil.copytree(weights, folder)
    (folder / name).unlink()
    settings = TtsSettings(tts_engine="xtts", xtts_dir=str(folder), voices_dir=str(tmp_path / "v"))
    with pytest.raises(SystemExit, match=rf"lacks {name}.*TTS_FALLBACK"):
        load_catalog(settings)
    (folder / name).write_bytes(b"not this")
    with pytest.raises(SystemExit, match="XTTS"):
        load_catalog(settings)


def test_the_embedded_voice_stands_in(weights: Path, tmp_path: Path) -> None:
    """With TTS_FALLBACK=piper: missing weights, an unknown voice or language, and a full GPU are spoken by joe."""
    with xtts(tmp_path / "nowhere", tmp_path / "v", tts_fallback="piper") as service:
        assert sound_of(service.say("Hello.", voice="xtts-ana")).any()
        mine = post(service, "me", encoded(recording())).json()["voice_token"]
        listed = service.client.get(f"{service.url}/v1/voices", headers=bearer(mine)).json()
        assert {"joe": "piper", "me": "piper"}.items() <= {v["name"]: v["engine"] for v in listed}.items()
        assert service.say("Hello there.", voice="me", voice_token=mine)
    with xtts(weights, tmp_path / "v", tts_fallback="piper") as service:
        token = post(service, "anna", encoded(recording())).json()["voice_token"]
        assert service.post(text="Hi.", voice="anna", voice_token=token + "x").status_code == 403
        for body in ({"voice": "nobody"}, {"voice": SPEAKER, "language": "el"}):
            assert service.say("Hello there.", **body)[0].sr == 22050
        assert sound_of(service.say("Ελλάδα", voice=SPEAKER)).any()


def test_a_full_gpu_is_a_sentence_or_the_embedded_voice(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without memory the call is 503 with what to do, or joe speaks at the rate asked for; the next call is served."""
    begin = Decoder.begin
    full = threading.Event()

    def scarce(self: Decoder, row: int, voice: torch.Tensor, text: list[int]) -> int:
        if full.is_set():
            raise torch.OutOfMemoryError("CUDA out of memory")
        token: int = begin(self, row, voice, text)
        return token

    monkeypatch.setattr(Decoder, "begin", scarce)
    for fallback in ("", "piper"):
        with xtts(weights, tmp_path / "v", tts_fallback=fallback) as service:
            full.set()
            answer = service.post(text="Hello there.", voice=SPEAKER)
            assert answer.status_code == (200 if fallback else 503)
            if fallback:
                messages = [Speech.model_validate_json(line) for line in answer.text.splitlines()]
                assert messages[0].sr == 24000
                assert written(messages) == "Hello there."
                assert messages[-1].final
            else:
                assert "XTTS_VOICES" in answer.json()["detail"]
                assert service.client.get(f"{service.url}/readyz").status_code == 503
            full.clear()
            assert sound_of(service.say("Hello there.", voice=SPEAKER)).any()


def test_one_bad_step_does_not_end_the_others(tts: Tts, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the middle is told to whoever was being served; the service goes on."""
    sound = Vocoder.sound
    broken = threading.Event()
    broken.set()

    def breaks(self: Vocoder, windows: list[Window]) -> list[Sound]:
        if broken.is_set():
            broken.clear()
            raise RuntimeError("a kernel failed")
        made: list[Sound] = sound(self, windows)
        return made

    monkeypatch.setattr(Vocoder, "sound", breaks)
    answer = tts.post(text="Hi there.", voice=SPEAKER)
    assert answer.status_code == 503
    assert "a kernel failed" in answer.json()["detail"]
    assert sound_of(tts.say("Hi there.", voice=SPEAKER)).any()


def test_consent_is_kept(weights: Path, tmp_path: Path) -> None:
    """The statement, the date and the hash lie beside the voice, as they were given."""
    with xtts(weights, tmp_path) as service:
        post(service, "anna", encoded(recording()))
    kept = json.loads((tmp_path / "anna/voice.json").read_text())["consent"]
    assert kept["statement"] == STATEMENT
    assert len(kept["audio_sha256"]) == 64
    assert kept["date"].startswith("20")
