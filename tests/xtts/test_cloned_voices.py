"""A cloned voice's life with the engine that speaks in it."""

import json
from pathlib import Path

import pytest

from tests.tts.conftest import sound_of
from tests.tts.test_voices import STATEMENT, bearer, encoded, post
from tests.xtts.published import TINY, publish
from tests.xtts.service import recording, xtts


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
    voices = tmp_path / "voices"
    with xtts(weights, voices) as service:
        post(service, "anna", encoded(recording()))
        first = (voices / "anna/xtts.safetensors").read_bytes()
    with xtts(publish(tmp_path / "other", TINY, seed=8), voices):
        assert (voices / "anna/xtts.safetensors").read_bytes() != first


def test_consent_is_kept(weights: Path, tmp_path: Path) -> None:
    """The statement, the date and the hash lie beside the voice, as they were given."""
    with xtts(weights, tmp_path) as service:
        post(service, "anna", encoded(recording()))
    kept = json.loads((tmp_path / "anna/voice.json").read_text())["consent"]
    assert kept["statement"] == STATEMENT
    assert len(kept["audio_sha256"]) == 64
    assert kept["date"].startswith("20")
