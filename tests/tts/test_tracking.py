"""Visemes and words found in the sound itself: against exact times of voices that nothing was trained on, and where
sound and text are not what they should be.
"""

import itertools
import pickle
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import soxr

import services.tts.piper.engine as piper_engine
from services.common.speech import VisemeAt, Word
from services.tts.engine import Line, Part, Pcm, Phone, Written
from services.tts.espeak.engine import EspeakEngine
from services.tts.piper.engine import PiperEngine
from services.tts.settings import TtsSettings
from services.tts.training.speech import HELD_OUT, Said, instant, say
from services.tts.visemes.tracking import LATENCY_MS, VisemeTracker, track, track_line
from tests.tts.bench import Score, judge
from tests.tts.conftest import serving, sound_of

RATE = 22050
SENTENCES = ("Please bring the big map, and pay Bob a penny.", "The avatar speaks with your own voice.")


def spoken(text: str, tag: str = "en-us+max") -> Said:
    words = text.split()
    line = Line(tuple(Written(w, w.strip(",."), "." if w == words[-1] else "") for w in words), instant(tag), 100)
    return say(EspeakEngine(), line)


def fed(tracker: VisemeTracker, pcm: Pcm, step: int | None = None) -> tuple[list[VisemeAt], list[Word]]:
    """All that is found when the sound comes in pieces."""
    visemes: list[VisemeAt] = []
    words: list[Word] = []
    until = 0
    for start in range(0, max(len(pcm), 1), step or max(len(pcm), 1)):
        piece = pcm[start : start + step] if step else pcm
        found = tracker.feed(piece, step is None or start + step >= len(pcm))
        assert all(v.t >= until for v in found.visemes), "a shape came after it was said to be settled"
        until = found.until_ms
        visemes += found.visemes
        words += found.words
    assert [v.t for v in visemes] == sorted(v.t for v in visemes)
    assert [w.t0 for w in words] == sorted(w.t0 for w in words)
    return visemes, words


@pytest.mark.parametrize("variant", HELD_OUT[:4])
def test_shapes_and_words_are_where_they_sound(variant: str) -> None:
    """In a voice that nothing was trained on, most frames have the right shape, every mouth closes, words are near."""
    score = Score()
    for sentence in SENTENCES:
        said = spoken(sentence, "en-us" + variant)
        judge(score, said, *fed(track_line(said.line, said.line.voice.sample_rate), said.pcm))
    assert score.agree / score.frames > 0.7
    assert score.closed == score.closures > 8
    assert np.median(score.shape_ms) < 40
    assert np.median(score.word_ms) < 40


def test_pieces_of_any_size_give_the_same() -> None:
    """How the sound is cut changes nothing."""
    said = spoken(SENTENCES[0])
    rate = said.line.voice.sample_rate
    whole = fed(track_line(said.line, rate), said.pcm)
    for step in (1_777, 441, 7):
        assert fed(track_line(said.line, rate), said.pcm, step) == whole


def test_a_chunk_waits_for_at_most_60_ms_of_sound() -> None:
    """Wherever a chunk may end, its shapes are settled 60 ms of sound later; at the end of the sound at once."""
    said = spoken(SENTENCES[1])
    pcm = soxr.resample(said.pcm, said.line.voice.sample_rate, 16000)
    tracker = track_line(said.line, 16000)
    settled = [0]
    for start in range(0, len(pcm), 16):
        settled.append(tracker.feed(pcm[start : start + 16], start + 16 >= len(pcm)).until_ms)
    length = len(settled) - 1
    assert settled[-1] >= length - 1
    for end in range(20, length - 60, 20):
        assert settled[end + 60] >= end
    assert LATENCY_MS <= 60


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 24000, 44100, 48000])
def test_every_rate_is_heard(rate: int) -> None:
    """The same speech gives nearly the same shapes at any rate."""
    said = spoken(SENTENCES[0])
    pcm = soxr.resample(said.pcm, said.line.voice.sample_rate, rate)
    score = Score()
    judge(score, said, *fed(track_line(said.line, rate), pcm))
    assert score.agree / score.frames > 0.65
    assert score.closed == score.closures


@pytest.mark.parametrize("gain", [0.1, 0.3, 1.5])
def test_a_quiet_voice_is_heard_as_well(gain: float) -> None:
    """20 dB less or a little clipping change little."""
    said = spoken(SENTENCES[0])
    pcm = np.clip(said.pcm * gain, -32768, 32767).astype(np.int16)
    score = Score()
    judge(score, said, *fed(track_line(said.line, said.line.voice.sample_rate), pcm))
    assert score.agree / score.frames > 0.65
    assert score.closed == score.closures


def test_a_rate_that_cannot_be_followed_is_named() -> None:
    """The error says which rates can be."""
    with pytest.raises(ValueError, match="at 96000 Hz cannot be followed; 8000 to 48000"):
        track("Hello.", 96000)


def test_silence_has_no_shapes() -> None:
    """Nothing is shown where nothing sounds; the words are told all the same, at the end at the latest."""
    visemes, words = fed(track("Hello, you there.", 16000), np.zeros(32000, np.int16), 320)
    assert [v.v for v in visemes] == ["SIL"]
    assert [w.text for w in words] == ["Hello,", "you", "there."]
    assert all(w.t1 <= 2000 for w in words)


def test_nothing_at_all() -> None:
    """No sound and no text are no error."""
    assert fed(track("", 16000), np.zeros(0, np.int16)) == ([], [])


@pytest.mark.parametrize(
    "text", ["", "   ", "😀", "Completely different words are written here, and many more than are said."]
)
def test_where_the_text_is_of_no_use_the_sound_decides(text: str) -> None:
    """With another text, or none, about as much is right as without text."""
    alone, with_it = Score(), Score()
    said = spoken(" ".join((*SENTENCES, *SENTENCES)))
    rate = said.line.voice.sample_rate
    judge(alone, said, *fed(track("", rate), said.pcm))
    judge(with_it, said, *fed(track(text, rate), said.pcm))
    assert with_it.agree / with_it.frames > max(0.8 * alone.agree / alone.frames, 0.4)


def test_a_word_that_is_left_out_does_not_lead_astray() -> None:
    """What is said after it is found where it sounds."""
    said = spoken("Please bring the map and pay Bob a penny.")
    rate = said.line.voice.sample_rate
    _, words = fed(track("Please bring the enormous map and pay Bob a penny.", rate), said.pcm)
    exact = [phone for phone in said.phones if phone.word == 8]
    assert words[-1].text == "penny."
    assert abs(words[-1].t0 - exact[0].start * 1000 / rate) < 60


def test_words_are_told_as_they_are_written() -> None:
    """Numbers, signs and abbreviations are aligned as they are said and told as they stand."""
    said = spoken("Doctor Smith paid twenty five dollars.")
    _, words = fed(track("Dr. Smith paid $25.", said.line.voice.sample_rate), said.pcm)
    assert [w.text for w in words] == ["Dr.", "Smith", "paid", "$25."]
    exact = [phone for phone in said.phones if phone.word == 3]
    assert abs(words[-1].t0 - exact[0].start * 1000 / said.line.voice.sample_rate) < 60


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Bitte bringen Sie mir die Karte."),
        ("fr", "Apportez-moi une bonne pomme."),
        ("pt-br", "Por favor, traga o mapa."),
        ("zh-cn", "请把地图拿给我。"),
        ("ru", "Пожалуйста, принесите карту."),
    ],
)
def test_other_languages_have_the_same_shapes(language: str, text: str) -> None:
    """espeak reads the text in its language; the times come from the sound."""
    tag = {"fr": "fr-fr", "zh-cn": "cmn"}.get(language, language)
    words = text.split()
    line = Line(tuple(Written(w, w.strip(",.。")) for w in words), instant(tag), 100)
    said = say(EspeakEngine(), line)
    visemes, found = fed(track(text, said.line.voice.sample_rate, language), said.pcm)
    score = Score()
    judge(score, said, visemes, found)
    assert score.agree / score.frames > 0.6
    assert [w.text for w in found] == words


def test_a_language_that_nobody_reads_is_followed_by_its_sound() -> None:
    """The shapes are those that the sound alone has, and the words are told as written."""
    said = spoken(SENTENCES[0])
    rate = said.line.voice.sample_rate
    visemes, words = fed(track("qapla batlh je", rate, "qaa"), said.pcm)
    assert visemes == fed(track("", rate), said.pcm)[0]
    assert [w.text for w in words] == ["qapla", "batlh", "je"]


def test_what_is_kept_does_not_grow_with_the_sound() -> None:
    """After a minute of sound the tracker is as large as after its first seconds."""
    said = spoken(SENTENCES[1])
    tracker = track(SENTENCES[1], said.line.voice.sample_rate)
    sizes = []
    for _ in range(20):
        tracker.feed(said.pcm, final=False)
        sizes.append(len(pickle.dumps(tracker)))
    assert sizes[-1] < sizes[1] + 1000


class Untimed(PiperEngine):
    """The neural voice as if it knew nothing of its own times; `lines` keeps them, and each line's samples."""

    lines: ClassVar[list[tuple[tuple[Phone, ...], int]]] = []

    def speak(self, line: Line) -> Iterator[Part]:
        tracker = track_line(line, line.voice.sample_rate)
        waiting: Pcm = np.zeros(0, np.int16)
        phones: tuple[Phone, ...] = ()
        made = given = 0
        for part in super().speak(line):
            phones += part.phones
            made += len(part.pcm)
            found = tracker.feed(part.pcm, part.last)
            waiting = np.concatenate([waiting, part.pcm])
            ready = made if part.last else found.until_ms * line.voice.sample_rate // 1000
            if part.last:
                self.lines.append((phones, made))
            yield Part(waiting[: ready - given], (), part.last, tuple(found.visemes), tuple(found.words))
            waiting, given = waiting[ready - given :], ready


def test_the_service_speaks_with_found_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lines through HTTP: chunks follow each other; shapes come with their sound; both are near their own times."""
    monkeypatch.setattr(piper_engine, "PiperEngine", Untimed)
    with serving(TtsSettings(tts_engine="piper", tts_voice="joe")) as service:
        Untimed.lines.clear()
        messages = service.say("Please bring the big map. Bob may pay a penny for it.")
    chunks = [chunk for m in messages for chunk in m.chunks]
    assert all(a.t1 == b.t0 for a, b in itertools.pairwise(chunks))
    for message in messages[:-1]:
        assert all(message.t0 <= v.t < message.t1 for v in message.visemes), "a shape came with another chunk"
    (first, start), (second, length) = Untimed.lines
    sound = sound_of(messages)
    assert 0 <= len(sound) - start - length < RATE // 50, "sound was lost"
    phones = (*first, *(Phone(p.ipa, p.start + start, p.end + start, p.word + 5) for p in second))
    text = "Please bring the big map. Bob may pay a penny for it."
    line = Line(tuple(Written(w, w) for w in text.split()), replace(instant("en-us"), sample_rate=RATE), 0)
    score = Score()
    words = [word for m in messages for word in m.words]
    judge(score, Said(line, sound, phones), [v for m in messages for v in m.visemes], words)
    assert [word.text for word in words] == text.split()
    assert score.agree / score.frames > 0.7
    assert score.closed == score.closures
    assert np.median(score.word_ms) < 40
