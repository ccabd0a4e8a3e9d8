"""The XTTS engine through the real HTTP service, on small random weights."""

import itertools
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from services.common.speech import CHUNK_MS, Speech
from services.tts.catalog import load as load_catalog
from services.tts.settings import TtsSettings
from services.tts.xtts.decoder import Decoder
from tests.tts.conftest import Tts, sound_of, until, written
from tests.xtts.service import SPEAKER, xtts
from tests.xtts.tracker import STEP_MS

TEXT = "Hello there. It is 5 pm, Dr. Smith!"


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
