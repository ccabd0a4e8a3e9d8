"""Loading from the published layout, and the sentences for what is wrong with it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from services.renderer.echomimic.networks.audio_encoder import load_audio_encoder
from services.renderer.echomimic.networks.encoders import embed_text, load_text_encoder
from services.renderer.echomimic.networks.layout import Layout, load_transformer
from services.renderer.echomimic.networks.vae import load_codec
from services.renderer.echomimic.networks.weights import WeightsError
from tests.echomimic import published
from tests.echomimic.tiny import TINY


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return published.write(tmp_path / "models")


def changed(path: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    """Rewrite a checkpoint."""
    tensors = load_file(path) if path.suffix == ".safetensors" else torch.load(path)
    change(tensors)
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)


def load(layout: Layout) -> None:
    load_transformer(layout, TINY.audio_layers, "cpu", torch.float32)


def test_the_widths_are_read_from_the_files(layout: Layout) -> None:
    """What the config does not state follows from the tensors' shapes."""
    transformer = load_transformer(layout, TINY.audio_layers, "cpu", torch.float32)
    assert transformer.shape == TINY
    assert not any(parameter.requires_grad for parameter in transformer.parameters())


def test_nothing_is_missing_from_a_whole_layout(layout: Layout) -> None:
    """What the engine asks for at start is what the published layout has."""
    assert layout.missing() == []
    assert next(path.name for path in Layout(layout.folder / "none").missing()) == "echomimicv3-flash-pro"


def test_a_missing_file_is_named(layout: Layout) -> None:
    """The sentence has the path and the command that brings it."""
    layout.vae.unlink()
    with pytest.raises(WeightsError, match=r"Wan2\.1_VAE\.pth is missing.*models fetch"):
        load_codec(layout.vae, "cpu", torch.float32)


@pytest.mark.parametrize("name", ["flash", "vae"])
def test_a_file_that_broke_off_is_named(layout: Layout, name: str) -> None:
    """Half a download is not taken for a checkpoint."""
    path = layout.flash() if name == "flash" else layout.vae
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(WeightsError, match=f"{path.name} cannot be read"):
        load(layout) if name == "flash" else load_codec(path, "cpu", torch.float32)


def test_a_missing_key_is_named(layout: Layout) -> None:
    """The first tensor that is not there is told by its own name."""
    changed(layout.flash(), lambda tensors: tensors.pop("blocks.1.cross_attn.k_audio.weight"))
    with pytest.raises(WeightsError, match=r"nothing for blocks\.1\.cross_attn\.k_audio\.weight"):
        load(layout)


def test_what_the_tuned_checkpoint_lacks_comes_from_its_base(layout: Layout) -> None:
    """As in the reference, the fine-tuned weights lie over those of the base model."""
    tensors = load_file(layout.flash())
    save_file({"head.head.bias": tensors["head.head.bias"] + 1}, layout.base)
    changed(layout.flash(), lambda tensors: tensors.pop("head.head.bias"))
    transformer = load_transformer(layout, TINY.audio_layers, "cpu", torch.float32)
    assert torch.equal(transformer.head.head.bias, tensors["head.head.bias"] + 1)


def test_a_wrong_shape_is_named(layout: Layout) -> None:
    """Both shapes are told."""
    key = "blocks.0.ffn.0.weight"
    changed(layout.flash(), lambda tensors: tensors.update({key: torch.zeros(3, 5)}))
    with pytest.raises(WeightsError, match=r"blocks\.0\.ffn\.0\.weight has the shape \[3, 5\], where \[96, 48\]"):
        load(layout)


def test_another_models_checkpoint_is_refused(layout: Layout) -> None:
    """A text-to-video transformer has other inputs."""
    changed(layout.flash(), lambda tensors: tensors.update({"patch_embedding.weight": torch.zeros(48, 16, 1, 2, 2)}))
    with pytest.raises(WeightsError, match="takes 16 channels, where 36 are needed"):
        load(layout)


@pytest.mark.parametrize("content", ["", "[]", json.dumps({"dim": "wide"})])
def test_a_config_that_is_none_is_named(layout: Layout, content: str) -> None:
    """Not JSON, or not a transformer's."""
    layout.config.write_text(content)
    with pytest.raises(WeightsError, match=r"config\.json does not describe the transformer"):
        load(layout)


def test_two_checkpoints_in_one_folder_are_refused(layout: Layout) -> None:
    """Which of them is meant cannot be guessed."""
    save_file({"a": torch.zeros(1)}, layout.flash().with_name("other.safetensors"))
    with pytest.raises(WeightsError, match=r"2 \.safetensors files"):
        load(layout)


def test_wav2vec_without_a_layer_is_refused(layout: Layout) -> None:
    """transformers would fill it with noise and go on."""
    changed(
        layout.audio / "model.safetensors",
        lambda tensors: tensors.pop("encoder.layers.1.final_layer_norm.weight"),
    )
    with pytest.raises(WeightsError, match=r"nothing for encoder\.layers\.1\.final_layer_norm\.weight"):
        load_audio_encoder(layout.audio, "cpu", torch.float32)


def test_a_missing_tokenizer_is_named(layout: Layout) -> None:
    """The text encoder alone cannot read a prompt."""
    encoder = load_text_encoder(layout.text, "cpu", torch.float32)
    assert embed_text(encoder, layout.tokenizer, "warm studio", 16).shape == (3, TINY.text_dim)
    (layout.tokenizer / "tokenizer.json").unlink()
    (layout.tokenizer / "tokenizer_config.json").unlink()
    with pytest.raises(WeightsError, match="umt5-xxl holds no tokenizer"):
        embed_text(encoder, layout.tokenizer, "warm studio", 16)
