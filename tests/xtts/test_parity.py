"""Our loop and windows against the library's own, on the same weights, in fp32."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from services.tts.engine import Line, SynthesisFailed, Voice, Written
from services.tts.xtts.decoder import Decoder
from services.tts.xtts.engine import XttsEngine
from services.tts.xtts.sampling import Sampling
from services.tts.xtts.vocoder import Vocoder, VocoderWindow
from services.tts.xtts.weights import Loaded, load
from tests.xtts.published import SPEAKERS
from tests.xtts.tracker import Foretold

GREEDY = Sampling(0, 50, 0.85, 5.0)
TEXTS = ["Hello there, my friend.", "It costs $3.50, Dr. Jones!", "Привет"]


@pytest.fixture(scope="module")
def loaded(weights: Path) -> Loaded:
    return load(weights, torch.device("cpu"))


@pytest.fixture(scope="module")
def said(loaded: Loaded) -> list[dict[str, Any]]:
    """What the library's `inference` makes of each text, taking the likeliest token."""
    return [inference(loaded, text, "ru" if text == TEXTS[2] else "en") for text in TEXTS]


def inference(loaded: Loaded, text: str, language: str) -> dict[str, Any]:
    speaker = loaded.model.speaker_manager.speakers[SPEAKERS[0]]
    made: dict[str, Any] = loaded.model.inference(
        text,
        language,
        speaker["gpt_cond_latent"],
        speaker["speaker_embedding"],
        do_sample=False,
        repetition_penalty=GREEDY.repetition_penalty,
    )
    return made


def spoken(decoder: Decoder, loaded: Loaded, row: int, text: str, language: str) -> list[int]:
    style = loaded.model.speaker_manager.speakers[SPEAKERS[0]]["gpt_cond_latent"]
    tokens = [decoder.begin(row, style, loaded.model.tokenizer.encode(text.lower(), lang=language))]
    while tokens[-1] != decoder.stop and len(tokens) < decoder.most_tokens:
        tokens += decoder.step([row])
    return tokens


def test_one_voice_is_the_librarys(loaded: Loaded, said: list[dict[str, Any]]) -> None:
    """The same latents, and in windows of any sizes the same samples, to 1e-4."""
    vocoder = Vocoder(loaded.model.hifigan_decoder)
    color = loaded.model.speaker_manager.speakers[SPEAKERS[0]]["speaker_embedding"]
    decoder = Decoder(loaded.model.gpt, 3, GREEDY)
    for text, want in zip(TEXTS[:2], said, strict=False):
        count = len(spoken(decoder, loaded, 1, text, "en"))
        latents = decoder.latents(1, count)
        assert latents.shape == want["gpt_latents"][0].shape
        assert np.abs(latents.numpy() - want["gpt_latents"][0]).max() < 1e-4
        sizes = np.random.default_rng(count)
        at, pieces = 0, []
        for tokens in range(1, count + 1):
            ended = tokens == count
            there = vocoder.frames(tokens, ended=ended)
            while at < there:
                end = min(at + int(sizes.integers(1, 40)), there)
                pieces += vocoder.sound([VocoderWindow(latents[:tokens], color, at, end, ended)])
                at = end
        sound = np.concatenate(pieces)
        assert len(sound) == len(want["wav"])
        assert np.abs(want["wav"]).max() > 0.05
        assert np.abs(sound - want["wav"]).max() < 1e-4


def test_many_voices_do_not_mix(loaded: Loaded, said: list[dict[str, Any]]) -> None:
    """Rows that begin at different times, and stand still at others, say what each says alone."""
    decoder = Decoder(loaded.model.gpt, 4, GREEDY)
    style = loaded.model.speaker_manager.speakers[SPEAKERS[0]]["gpt_cond_latent"]
    rows = [2, 0, 3]
    order = np.random.default_rng(2)
    tokens: dict[int, list[int]] = {}
    while any(len(tokens.get(row, ())) < decoder.most_tokens for row in rows):
        waiting = [row for row in rows if row not in tokens]
        if waiting and order.random() < 0.3:
            text, language = TEXTS[rows.index(waiting[0])], "ru" if waiting[0] == rows[2] else "en"
            ids = loaded.model.tokenizer.encode(text.lower(), lang=language)
            tokens[waiting[0]] = [decoder.begin(waiting[0], style, ids)]
        live = [row for row in tokens if len(tokens[row]) < decoder.most_tokens and order.random() < 0.7]
        if live:
            for row, token in zip(live, decoder.step(live), strict=True):
                tokens[row].append(token)
    for row, want in zip(rows, said, strict=True):
        assert np.abs(decoder.latents(row, decoder.most_tokens).numpy() - want["gpt_latents"][0]).max() < 1e-4


def test_streamed_latents_are_the_librarys(loaded: Loaded) -> None:
    """Under one seed the library's `inference_stream` draws tokens; given these, our loop makes the same latents."""
    model, speaker = loaded.model, loaded.model.speaker_manager.speakers[SPEAKERS[1]]
    ids = model.tokenizer.encode(TEXTS[0].lower(), lang="en")
    prompt = model.gpt.compute_embeddings(speaker["gpt_cond_latent"], torch.tensor([ids]))
    torch.manual_seed(11)
    stream = model.gpt.get_generator(
        fake_inputs=prompt, do_sample=True, top_k=50, top_p=0.85, temperature=0.75, num_beams=1, num_return_sequences=1,
        repetition_penalty=5.0, output_attentions=False, output_hidden_states=True, return_dict_in_generate=True,
    )  # fmt: skip
    drawn = [(int(token), latent[0]) for token, latent in stream]
    decoder = Decoder(model.gpt, 1, Given([token for token, _ in drawn]))
    tokens = [decoder.begin(0, speaker["gpt_cond_latent"], ids)]
    while len(tokens) < len(drawn):
        tokens += decoder.step([0])
    assert tokens == [token for token, _ in drawn]
    assert len(set(tokens)) > 10
    want = torch.stack([latent for _, latent in drawn])
    assert (decoder.latents(0, len(tokens)) - want).abs().max() < 1e-4


class Given(Sampling):
    """Draws what it is told to."""

    tokens: Iterator[int]

    def __init__(self, tokens: list[int]) -> None:
        object.__setattr__(self, "tokens", iter(tokens))

    def draw(self, logits: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        return torch.tensor([next(self.tokens)])


def test_tokens_are_drawn_as_the_library_draws_them() -> None:
    """Of random logits the chances are those of Hugging Face's processors, and draws follow them."""
    from transformers import (
        LogitsProcessorList,
        RepetitionPenaltyLogitsProcessor,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    torch.manual_seed(3)
    logits = torch.randn(1, 200) * 3
    occurred = torch.tensor([[3, 5, int(logits.argmax())]])
    warpers = [TemperatureLogitsWarper(0.75), TopKLogitsWarper(50), TopPLogitsWarper(0.85)]
    processors = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(5.0), *warpers])
    chances = processors(occurred, logits).softmax(-1)[0]
    seen = torch.zeros(1, 200, dtype=torch.bool)
    seen[0, occurred[0]] = True
    draws = Sampling(0.75, 50, 0.85, 5.0).draw(logits.expand(40_000, -1), seen.expand(40_000, -1))
    found = torch.bincount(draws, minlength=200) / 40_000
    assert ((found > 0) <= (chances > 0)).all()
    assert (found - chances).abs().max() < 0.02


def test_too_long_a_text_is_a_sentence(loaded: Loaded) -> None:
    """More text than the model takes is refused before anything is changed."""
    decoder = Decoder(loaded.model.gpt, 1, GREEDY)
    with pytest.raises(ValueError, match="text tokens"):
        decoder.begin(0, torch.zeros(1, 32, 64), [5] * 500)


@pytest.mark.parametrize(
    ("language", "text", "want"),
    [
        ("en", "$3.50 for Dr. Jones & 2 more", "three dollars, fifty cents for doctor jones and two more"),
        ("de", "20 für Dr. Müller", "zwanzig für doktor müller"),
        ("es", "el 1er día, 50%", "el primero día, cincuenta por ciento"),
    ],
)
def test_numbers_and_abbreviations_are_the_librarys(loaded: Loaded, language: str, text: str, want: str) -> None:
    """What is written reaches the library's reader, not what other engines say for it."""
    engine = _engine(loaded)
    line = Line(tuple(Written(word, "something else") for word in text.split()), _voice(engine, language), 0)
    tokenizer = loaded.model.tokenizer
    assert (
        engine._tokens(" ".join(word.text for word in line.words), language)
        == tokenizer.tokenizer.encode(f"[{language}]{want}".replace(" ", "[SPACE]")).ids
    )
    engine.close()


def test_every_language_is_read(loaded: Loaded) -> None:
    """Each of the seventeen becomes tokens; none is missing its reader."""
    engine = _engine(loaded)
    texts = {
        "zh": "你好，世界",
        "ja": "こんにちは世界",
        "ko": "안녕하세요",
        "ar": "مرحبا",
        "hi": "नमस्ते",
        "ru": "привет",
    }
    assert len(engine.voices[0].languages) == 17
    for language in engine.voices[0].languages:
        text = texts.get(language, "la 2")
        assert len(engine._tokens(text, language)) > 2, language
    engine.close()


@pytest.mark.parametrize("text", ["1. test", "2nd", "3.5", "$4", "€5.20", "6%", "7:30", "12" * 50, "1,234,567", "x²"])
def test_no_number_stops_a_voice(loaded: Loaded, text: str) -> None:
    """What the library has no words for, in whichever language, is read digit by digit."""
    engine = _engine(loaded)
    for language in engine.voices[0].languages:
        assert len(engine._tokens(text, language)) > 1, language
    engine.close()


def test_too_many_tokens_are_spoken_in_pieces(loaded: Loaded) -> None:
    """Numbers are longer in words than as written: nothing of the line is lost."""
    engine = _engine(loaded)
    words = tuple(Written(f"{n},", "") for n in range(123_451, 123_471))
    pieces = engine._in_tokens(words, "en")
    assert len(pieces) > 1
    assert all(len(piece) <= engine._decoder.most_text for piece in pieces)
    whole = engine._tokens(" ".join(word.text for word in words), "en")
    assert sum(map(len, pieces)) >= len(whole)
    parts = list(engine.speak(Line(words, engine.voices[0], 300)))
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert sum(len(part.pcm) for part in parts) > 24000 * 1.2 * len(pieces)
    engine.close()


def test_a_voice_that_is_gone_is_a_sentence(loaded: Loaded) -> None:
    """A line planned before its voice was removed fails with a sentence."""
    engine = _engine(loaded)
    line = Line((Written("hi", "hi"),), Voice("gone", "xtts", "en", "unknown", 24000), 0)
    with pytest.raises(SynthesisFailed, match="removed"):
        next(engine.speak(line))
    engine.close()


def _engine(loaded: Loaded) -> XttsEngine:
    return XttsEngine(
        loaded, Decoder(loaded.model.gpt, 1, loaded.sampling), Vocoder(loaded.model.hifigan_decoder), Foretold
    )


def _voice(engine: XttsEngine, language: str) -> Voice:
    voice = engine.voices[0].in_language(language)
    assert voice is not None
    return voice
