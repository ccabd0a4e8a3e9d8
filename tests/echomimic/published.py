"""A models folder as the published one is laid out, with small random weights."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, Wav2Vec2Config, Wav2Vec2Model

from services.renderer.echomimic.networks.layout import FLASH, Layout
from tests.echomimic import stored
from tests.echomimic.tiny import TINY, drawn

SEED = 43
WORDS = ("</s>", "<pad>", "<unk>", "warm", "studio", "portrait", "soft", "key", "light", ",", "teal", "amber")

WAV2VEC = {
    "hidden_size": TINY.audio_dim,
    "num_hidden_layers": TINY.audio_layers,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
"""Widths of the small wav2vec."""


def write(folder: Path) -> Layout:
    """Everything that the engine reads, under the original names."""
    layout, sizes = Layout(folder), stored.sizes()
    layout.config.parent.mkdir(parents=True)
    layout.config.write_text(
        json.dumps(
            {
                "dim": TINY.dim,
                "eps": TINY.eps,
                "ffn_dim": TINY.ffn,
                "freq_dim": TINY.time_dim,
                "num_heads": TINY.heads,
                "num_layers": TINY.layers,
                "out_dim": TINY.latent,
                "text_len": TINY.text_len,
            }
        )
    )
    for name, path in (("text", layout.text), ("image", layout.image), ("vae", layout.vae)):
        torch.save(drawn(sizes[name], SEED), path)
    (folder / FLASH).mkdir()
    save_file(drawn(sizes["transformer"], SEED), folder / FLASH / "diffusion_pytorch_model.safetensors")
    hearing = Wav2Vec2Model(Wav2Vec2Config(**WAV2VEC))
    hearing.load_state_dict(drawn(sizes["hearing"], SEED))
    hearing.save_pretrained(layout.audio)
    _tokenizer().save_pretrained(layout.tokenizer)
    return layout


def _tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
