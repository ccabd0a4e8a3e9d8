"""Text and picture to the embeddings that the transformer was trained with. Both run at start only.

The published files hold the original authors' modules; diffusers and transformers have the maintained ones, so only the
names are translated here.
"""

import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import AutoTokenizer, CLIPVisionConfig, CLIPVisionModel, UMT5Config, UMT5EncoderModel

from services.renderer.echomimic.networks.weights import FETCH, Checkpoint, WeightsError, fill

CLIP_HEAD = 80
"""Width of an attention head in ViT-H/14."""

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

_TEXT_NAMES = (
    (r"^token_embedding\.", "shared."),
    (r"^norm\.", "encoder.final_layer_norm."),
    (r"^blocks\.(\d+)\.norm1\.", r"encoder.block.\1.layer.0.layer_norm."),
    (r"^blocks\.(\d+)\.norm2\.", r"encoder.block.\1.layer.1.layer_norm."),
    (r"^blocks\.(\d+)\.attn\.", r"encoder.block.\1.layer.0.SelfAttention."),
    (r"^blocks\.(\d+)\.pos_embedding\.embedding\.", r"encoder.block.\1.layer.0.SelfAttention.relative_attention_bias."),
    (r"^blocks\.(\d+)\.ffn\.gate\.0\.", r"encoder.block.\1.layer.1.DenseReluDense.wi_0."),
    (r"^blocks\.(\d+)\.ffn\.fc1\.", r"encoder.block.\1.layer.1.DenseReluDense.wi_1."),
    (r"^blocks\.(\d+)\.ffn\.fc2\.", r"encoder.block.\1.layer.1.DenseReluDense.wo."),
)

_IMAGE_NAMES = (
    (r"^visual\.patch_embedding\.", "embeddings.patch_embedding."),
    (r"^visual\.pre_norm\.", "pre_layrnorm."),
    (r"^visual\.post_norm\.", "post_layernorm."),
    (r"^visual\.transformer\.(\d+)\.norm(\d)\.", r"encoder.layers.\1.layer_norm\2."),
    (r"^visual\.transformer\.(\d+)\.attn\.proj\.", r"encoder.layers.\1.self_attn.out_proj."),
    (r"^visual\.transformer\.(\d+)\.mlp\.0\.", r"encoder.layers.\1.mlp.fc1."),
    (r"^visual\.transformer\.(\d+)\.mlp\.2\.", r"encoder.layers.\1.mlp.fc2."),
)
_IMAGE_QKV = re.compile(r"^visual\.transformer\.(\d+)\.attn\.to_qkv\.(weight|bias)$")


def _renamed(key: str, names: tuple[tuple[str, str], ...]) -> str | None:
    for pattern, name in names:
        new, found = re.subn(pattern, name, key)
        if found:
            return new
    return None


def load_text_encoder(path: Path, device: str, dtype: torch.dtype) -> UMT5EncoderModel:
    """UMT5 with the widths of the file. Raises `WeightsError`."""
    stored = Checkpoint(path)
    vocabulary, width = stored.size("token_embedding.weight")
    buckets, heads = stored.size("blocks.0.pos_embedding.embedding.weight")
    with torch.device("meta"):
        model = UMT5EncoderModel(
            UMT5Config(
                vocab_size=vocabulary,
                d_model=width,
                d_kv=stored.size("blocks.0.attn.q.weight")[0] // heads,
                d_ff=stored.size("blocks.0.ffn.fc1.weight")[0],
                num_layers=stored.count("blocks."),
                num_heads=heads,
                relative_attention_num_buckets=buckets,
            )
        )
    tensors = {new: stored[key] for key in stored if (new := _renamed(key, _TEXT_NAMES))}
    tensors["encoder.embed_tokens.weight"] = tensors["shared.weight"]
    fill(model, tensors, path, device, dtype)
    return model


def embed_text(model: UMT5EncoderModel, tokenizer: Path, prompt: str, longest: int) -> Tensor:
    """[tokens of the prompt, width]; a prompt longer than `longest` tokens is cut."""
    try:
        tokens = AutoTokenizer.from_pretrained(tokenizer, local_files_only=True)(
            [prompt], padding="max_length", max_length=longest, truncation=True, return_tensors="pt"
        )
    except (OSError, ValueError) as error:
        raise WeightsError(f"{tokenizer} holds no tokenizer that can be read: run `{FETCH}`.") from error
    device = model.device
    with torch.inference_mode():
        out = model(tokens.input_ids.to(device), attention_mask=tokens.attention_mask.to(device))
    return out.last_hidden_state[0, : int(tokens.attention_mask.sum())]


def load_image_encoder(path: Path, device: str, dtype: torch.dtype) -> CLIPVisionModel:
    """The vision half of open-clip's XLM-RoBERTa ViT-H/14. Raises `WeightsError`."""
    stored = Checkpoint(path)
    width, _, _, patch = stored.size("visual.patch_embedding.weight")
    side = round((stored.size("visual.pos_embedding")[1] - 1) ** 0.5)
    with torch.device(device):
        model = CLIPVisionModel(
            CLIPVisionConfig(
                hidden_size=width,
                intermediate_size=stored.size("visual.transformer.0.mlp.0.weight")[0],
                num_hidden_layers=stored.count("visual.transformer."),
                num_attention_heads=width // CLIP_HEAD,
                image_size=side * patch,
                patch_size=patch,
                hidden_act="gelu",
            )
        )
    tensors = {
        "embeddings.class_embedding": stored["visual.cls_embedding"].flatten(),
        "embeddings.position_embedding.weight": stored["visual.pos_embedding"][0],
    }
    for key in stored:
        if new := _renamed(key, _IMAGE_NAMES):
            tensors[new] = stored[key]
        elif found := _IMAGE_QKV.match(key):
            for name, part in zip("qkv", stored[key].chunk(3), strict=True):
                tensors[f"encoder.layers.{found[1]}.self_attn.{name}_proj.{found[2]}"] = part
    fill(model, tensors, path, device, dtype)
    return model


def embed_image(model: CLIPVisionModel, picture: NDArray[np.uint8]) -> Tensor:
    """An RGB picture [H, W, 3] -> [1 + patches, width]: the states before the last layer, as Wan was trained on."""
    size = (model.config.image_size,) * 2
    device, dtype = model.device, model.dtype
    pixels = torch.from_numpy(picture).to(device).permute(2, 0, 1)[None].float() / 127.5 - 1
    pixels = functional.interpolate(pixels, size=size, mode="bicubic", align_corners=False) / 2 + 0.5
    mean, std = (torch.tensor(values, device=device).view(3, 1, 1) for values in (CLIP_MEAN, CLIP_STD))
    with torch.inference_mode():
        states = model.pre_layrnorm(model.embeddings(((pixels - mean) / std).to(dtype)))
        for layer in model.encoder.layers[:-1]:
            states = layer(states, attention_mask=None)
    return states[0]
