"""What goes wrong with XTTS is a sentence, another voice, or the end of the service: never silence."""

import shutil
import threading
from pathlib import Path

import pytest
import torch

from services.common.speech import Speech
from services.tts.catalog import load as load_catalog
from services.tts.settings import TtsSettings
from services.tts.sound import Sound
from services.tts.xtts.decoder import Decoder
from services.tts.xtts.vocoder import Vocoder, VocoderWindow
from tests.tts.conftest import Tts, sound_of, written
from tests.tts.test_voices import bearer, encoded, post
from tests.xtts.service import SPEAKER, recording, xtts


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

    def breaks(self: Vocoder, windows: list[VocoderWindow]) -> list[Sound]:
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


def test_a_thread_that_dies_ends_the_service(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the batch's thread cannot get over: whoever waits and whoever comes later is told so, and `/readyz` names
    the engine."""

    def lost(*_: object) -> None:
        raise RuntimeError("the device is lost")

    with xtts(weights, tmp_path / "v") as service:
        monkeypatch.setattr(Vocoder, "sound", lost)
        monkeypatch.setattr(Decoder, "latents", lost)
        for _ in range(2):
            answer = service.post(text="Hi there.", voice=SPEAKER)
            assert answer.status_code == 503
            assert "XTTS" in answer.json()["detail"]
        ready = service.client.get(f"{service.url}/readyz")
        assert ready.status_code == 503
        assert ready.json()["detail"].startswith("xtts engine failed (RuntimeError)")


def test_rows_are_not_lost_to_what_fails(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More texts than rows cannot be read: the next one still finds a row."""
    begin = Decoder.begin
    broken = threading.Event()

    def breaks(self: Decoder, row: int, voice: torch.Tensor, text: list[int]) -> int:
        if broken.is_set():
            raise RuntimeError("a kernel failed")
        token: int = begin(self, row, voice, text)
        return token

    monkeypatch.setattr(Decoder, "begin", breaks)
    with xtts(weights, tmp_path / "v", xtts_voices=1) as service:
        broken.set()
        for _ in range(2):
            assert service.post(text="Hi there.", voice=SPEAKER).status_code == 503
        broken.clear()
        assert sound_of(service.say("Hi there.", voice=SPEAKER)).any()
