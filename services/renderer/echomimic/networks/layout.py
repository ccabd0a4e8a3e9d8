"""Where the published files lie below `MODELS_DIR`, and what is read out of them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from services.renderer.echomimic.networks.shape import AUDIO_CONTEXT, GROUP, Shape
from services.renderer.echomimic.networks.transformer import Fused, Transformer
from services.renderer.echomimic.networks.weights import FETCH, Checkpoint, WeightsError, fill

WAN = "Wan2.1-Fun-V1.1-1.3B-InP"
FLASH = "echomimicv3-flash-pro"
WAV2VEC = "chinese-wav2vec2-base"


class Layout:
    """The files of one models folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        wan = folder / WAN
        self.config = wan / "config.json"
        self.base = wan / "diffusion_pytorch_model.safetensors"
        self.text = wan / "models_t5_umt5-xxl-enc-bf16.pth"
        self.tokenizer = wan / "google" / "umt5-xxl"
        self.image = wan / "models_clip_open-clip-xlm-roberta-large-vit-huge-14.pth"
        self.vae = wan / "Wan2.1_VAE.pth"
        self.audio = folder / WAV2VEC

    def flash(self) -> Path:
        """The one safetensors file of the Flash folder, whatever it is called there."""
        found = sorted((self.folder / FLASH).rglob("*.safetensors"))
        if len(found) != 1:
            what = "no .safetensors file" if not found else f"{len(found)} .safetensors files where one is expected"
            raise WeightsError(f"{self.folder / FLASH} has {what}: fetch the weights with `{FETCH}`.")
        return found[0]

    def missing(self) -> list[Path]:
        """What has not been fetched yet."""
        needed = [self.config, self.text, self.tokenizer, self.image, self.vae, self.audio]
        absent = [path for path in needed if not path.exists()]
        return absent if any((self.folder / FLASH).rglob("*.safetensors")) else [self.folder / FLASH, *absent]


class Patched(Mapping[str, Tensor]):
    """A fine-tuned checkpoint over its base: what the first does not have is taken from the second."""

    def __init__(self, tuned: Checkpoint, base: Path) -> None:
        self._tuned, self._base_path = tuned, base
        self._base: Checkpoint | None = None

    def __contains__(self, key: object) -> bool:
        if key in self._tuned:
            return True
        if self._base is None and self._base_path.is_file():
            self._base = Checkpoint(self._base_path)
        return self._base is not None and key in self._base

    def __getitem__(self, key: str) -> Tensor:
        return self._tuned[key] if key in self._tuned or self._base is None else self._base[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tuned)

    def __len__(self) -> int:
        return len(self._tuned)


def shape_of(config: Path, flash: Checkpoint, audio_layers: int) -> Shape:
    """The transformer's widths: what the config states, and what the tensors' own shapes say."""
    try:
        stated = json.loads(config.read_text())
        layers, dim, heads = (int(stated[key]) for key in ("num_layers", "dim", "num_heads"))
        ffn, time_dim, text_len = (int(stated[key]) for key in ("ffn_dim", "freq_dim", "text_len"))
        latent, eps = int(stated["out_dim"]), float(stated["eps"])
    except OSError as error:
        raise WeightsError(f"{config} is missing: fetch the weights with `{FETCH}`.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{config} does not describe the transformer ({error}): run `{FETCH}`.") from error
    hidden, heard = flash.size("audio_injection.proj1.weight")
    return Shape(
        layers=layers,
        dim=dim,
        ffn=ffn,
        heads=heads,
        latent=latent,
        text_dim=flash.size("text_embedding.0.weight")[1],
        text_len=text_len,
        image_dim=flash.size("img_emb.proj.0.weight")[0],
        time_dim=time_dim,
        audio_dim=heard // AUDIO_CONTEXT // audio_layers,
        audio_layers=audio_layers,
        audio_hidden=hidden,
        audio_tokens=flash.size("audio_injection.proj3.weight")[0] // dim,
        eps=eps,
    )


def load_transformer(layout: Layout, audio_layers: int, device: str, dtype: torch.dtype) -> Transformer:
    """Raises `WeightsError`."""
    flash = Checkpoint(layout.flash())
    shape = shape_of(layout.config, flash, audio_layers)
    if shape.inputs != flash.size("patch_embedding.weight")[1]:
        raise WeightsError(
            f"{flash.path}: patch_embedding.weight takes {flash.size('patch_embedding.weight')[1]} channels, where "
            f"{shape.inputs} are needed (noise {shape.latent}, mask {GROUP}, given {shape.latent})."
        )
    with torch.device("meta"):
        transformer = Transformer(shape)
    fill(transformer, Fused(Patched(flash, layout.base)), flash.path, device, dtype)
    return transformer
