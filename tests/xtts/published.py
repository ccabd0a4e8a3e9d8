"""XTTS with random weights in the published layout: `config.json`, `model.pth`, `vocab.json`, `speakers_xtts.pth`."""

import functools
import json
from pathlib import Path
from typing import Any

import torch
import TTS.tts.models.xtts as library
from tokenizers import Tokenizer, models
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßéèñçàôûœşğıłąęśćźżőűčřšž0123456789.,;:!?'’-–¿¡абвгдежзийклмнопрстуфхцчшщъыьэюя"
TINY = {
    "gpt_layers": 2,
    "gpt_n_model_channels": 64,
    "gpt_n_heads": 2,
    "decoder_input_dim": 64,
    "gpt_max_audio_tokens": 40,
}
"""What makes it small: sentences end after 37 tokens, 1.7 s."""

TRUE = {"gpt_layers": 30, "gpt_n_model_channels": 1024, "gpt_n_heads": 16, "decoder_input_dim": 1024}
"""The sizes of XTTS v2."""

LOUDER = 500.0
"""Random weights hardly sound, and a listener's checks need something loud."""

SPEAKERS = ("Claribel Dervla", "Damien Black")


def publish(folder: Path, sizes: dict[str, int], seed: int = 7) -> Path:
    """Write the four files."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    vocabulary(folder / "vocab.json")
    config = XttsConfig()
    config.temperature, config.repetition_penalty, config.top_k, config.top_p = 0.75, 5.0, 50, 0.85
    config.gpt_cond_len, config.gpt_cond_chunk_len, config.max_ref_len = 30, 4, 30
    for key, value in (sizes | {"gpt_use_perceiver_resampler": True}).items():
        setattr(config.model_args, key, value)
    model = Xtts(config)
    model.tokenizer = type(model.tokenizer)(vocab_file=folder / "vocab.json")
    model.init_models()
    with torch.no_grad():
        model.hifigan_decoder.waveform_decoder.conv_post.weight.mul_(LOUDER)
    torch.save({"model": model.state_dict()}, folder / "model.pth")
    width = config.model_args.gpt_n_model_channels
    torch.save(
        {
            name: {"gpt_cond_latent": torch.randn(1, 32, width), "speaker_embedding": unit(torch.randn(1, 512, 1))}
            for name in SPEAKERS
        },
        folder / "speakers_xtts.pth",
    )
    about: dict[str, Any] = config.to_dict()
    (folder / "config.json").write_text(json.dumps(about))
    return folder


def small_vocoder() -> None:
    """From now on the vocoder is small, too: its width is no part of the published configuration."""
    library.HifiDecoder = functools.partial(library.HifiDecoder, upsample_initial_channel_decoder=32)


def unit(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(x, dim=1)


def vocabulary(path: Path) -> None:
    """The tokenizer's file: letters and the model's special tokens, without merges."""
    languages = [
        "en",
        "es",
        "fr",
        "de",
        "it",
        "pt",
        "pl",
        "tr",
        "ru",
        "nl",
        "cs",
        "ar",
        "zh-cn",
        "hu",
        "ko",
        "ja",
        "hi",
    ]
    special = ["[STOP]", "[UNK]", "[SPACE]", *(f"[{tag}]" for tag in languages), "[START]"]
    tokens = {token: i for i, token in enumerate([*special, *LETTERS])}
    tokenizer = Tokenizer(models.BPE(tokens, [], unk_token="[UNK]"))
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(path))
