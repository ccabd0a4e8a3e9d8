"""What the reference computes: its own code from `third_party/echomimic_v3`, run on small random models.

Its widths are hard-coded and it expects older libraries, so both are patched here, from outside; nothing is copied. The
results are compared by test_parity.py where the submodule is checked out; `python -m tests.echomimic.record` stores
them for where it is not.
"""

import functools
import importlib
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from transformers import Wav2Vec2Config

from services.renderer.echomimic.networks.shape import Shape
from tests.echomimic.published import SEED, WAV2VEC
from tests.echomimic.tiny import TINY, drawn, noise, sizes_of

ROOT = Path(__file__).parents[2] / "third_party" / "echomimic_v3"
FRAMES, SIDE = 9, 8  # pictures of a window, latent pixels a side
IMAGE_TOKENS = 257
GUIDANCE = 2.5
STEPS = (6, 8)

TEXT = {"vocab": 60, "dim": 32, "dim_attn": 32, "dim_ffn": 48, "num_heads": 4, "num_layers": 2, "num_buckets": 8}
IMAGE = {"dim": 80, "num_heads": 1, "num_layers": 3, "image_size": 28, "patch_size": 14}
VAE_DIM = 8


def checked_out() -> bool:
    return (ROOT / "src").is_dir()


@contextmanager
def importable() -> Iterator[None]:
    """The reference's package is called `src`: it is on the path only while it is used."""
    sys.path.insert(0, str(ROOT))
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.path.remove(str(ROOT))


def module(name: str) -> Any:
    return importlib.import_module(f"src.{name}")


def window_inputs(shape: Shape = TINY) -> dict[str, Tensor]:
    """A window to denoise: latents, what is given, text, image and sound features with two frames at either end."""
    latents = (FRAMES - 1) // 4 + 1
    return {
        "x": noise(1, 2, shape.latent, latents, SIDE, SIDE),
        "given": noise(2, 2, shape.latent + 4, latents, SIDE, SIDE),
        "text": noise(3, 7, shape.text_dim),
        "image": noise(4, IMAGE_TOKENS, shape.image_dim),
        "audio": noise(5, FRAMES + 4, shape.audio_layers, shape.audio_dim),
        "timesteps": torch.tensor([892, 416]),
    }


def transformer(shape: Shape = TINY) -> Any:
    """The reference's transformer with a `Shape`'s widths and weights drawn from the seed."""
    parts = module("wan_transformer3d_audio_2512")
    published = parts.AudioProjModel, parts.MLPProj

    def audio(**_: Any) -> Any:
        return published[0](
            seq_len=5,
            seq_len_vf=8,
            blocks=shape.audio_layers,
            channels=shape.audio_dim,
            intermediate_dim=shape.audio_hidden,
            output_dim=shape.dim,
            context_tokens=shape.audio_tokens,
            norm_output_audio=True,
        )

    parts.AudioProjModel, parts.MLPProj = audio, lambda _, dim: published[1](shape.image_dim, dim)
    try:
        return parts.WanTransformerAudioMask3DModel(
            model_type="i2v",
            text_len=shape.text_len,
            in_dim=shape.inputs,
            dim=shape.dim,
            ffn_dim=shape.ffn,
            freq_dim=shape.time_dim,
            text_dim=shape.text_dim,
            out_dim=shape.latent,
            num_heads=shape.heads,
            num_layers=shape.layers,
            eps=shape.eps,
        ).eval()
    finally:
        parts.AudioProjModel, parts.MLPProj = published


def run_once(model: Any, inputs: dict[str, Tensor], *, deaf: bool = False) -> Tensor:
    """Velocities [rows, latent, T, H, W]; `deaf`: with zeros for the sound."""
    rows, _, latents, height, width = inputs["x"].shape
    audio = inputs["audio"].unfold(0, 5, 1).movedim(-1, 1)[None].repeat(rows, 1, 1, 1, 1)
    answer: Tensor = model(
        x=inputs["x"],
        t=inputs["timesteps"],
        context=([inputs["text"]] * rows, torch.zeros_like(audio) if deaf else audio, latents, None),
        seq_len=latents * height * width // 4,
        y=inputs["given"],
        clip_fea=inputs["image"][None].repeat(rows, 1, 1),
    )
    return answer


def results() -> tuple[dict[str, Tensor], dict[str, dict[str, tuple[int, ...]]]]:
    """(outputs by name, the original names and shapes of each model's weights)."""
    out: dict[str, Tensor] = {}
    sizes: dict[str, dict[str, tuple[int, ...]]] = {}
    with importable():
        _transformer(out, sizes)
        _sampler(out)
        _hearing(out, sizes)
        _text(out, sizes)
        _image(out, sizes)
        _vae(out, sizes)
    return out, sizes


def _load(model: Any, name: str, sizes: dict[str, dict[str, tuple[int, ...]]]) -> Any:
    sizes[name] = sizes_of(model)
    model.load_state_dict(drawn(sizes[name], SEED))
    return model.eval()


def _transformer(out: dict[str, Tensor], sizes: dict[str, dict[str, tuple[int, ...]]]) -> None:
    model = _load(transformer(), "transformer", sizes)
    inputs = window_inputs()
    out["transformer"], out["transformer_deaf"] = run_once(model, inputs), run_once(model, inputs, deaf=True)
    out["guided"] = out["transformer_deaf"] + GUIDANCE * (out["transformer"] - out["transformer_deaf"])
    heard = inputs["audio"].unfold(0, 5, 1).movedim(-1, 1)[None]
    first, later = module("wan_transformer3d_audio_2512").get_ai2v_audio(heard, 4, 5, "cpu", torch.float32)
    out["audio_projection"] = model.audio_injection(first, later)[0]


def _sampler(out: dict[str, Tensor]) -> None:
    solver = module("fm_solvers_unipc").FlowUniPCMultistepScheduler(shift=1.0)
    for steps in STEPS:
        solver.set_timesteps(steps, shift=5.0)
        latents, path = noise(6, 1, 4, 6), []
        for number, timestep in enumerate(solver.timesteps):
            latents = solver.step(noise(7 + number, 1, 4, 6), timestep, latents, return_dict=False)[0]
            path.append(latents)
        out[f"timesteps_{steps}"] = solver.timesteps.clone()
        out[f"sampler_{steps}"] = torch.cat(path)


def _hearing(out: dict[str, Tensor], sizes: dict[str, dict[str, tuple[int, ...]]]) -> None:
    model = _load(module("wav2vec2").Wav2Vec2Model(Wav2Vec2Config(**WAV2VEC)), "hearing", sizes)
    # Its hidden states are no longer handed through by transformers: taken where they arise.
    kept: list[Tensor] = []
    hooks = [layer.register_forward_hook(lambda *call: kept.append(call[2])) for layer in model.encoder.layers]
    features = model.feature_extractor(noise(20, 1, 16_000))
    spread = module("wav2vec2").linear_interpolation(features.transpose(1, 2), seq_len=25)
    states, _ = model.feature_projection(spread)
    model.encoder(states)
    for hook in hooks:
        hook.remove()
    out["hearing"] = torch.stack([states[0] for states in kept], 1)


def _text(out: dict[str, Tensor], sizes: dict[str, dict[str, tuple[int, ...]]]) -> None:
    model = module("wan_text_encoder").WanT5EncoderModel(**TEXT, shared_pos=False, dropout=0.0)
    model = _load(model, "text", sizes)
    tokens = torch.arange(2, 14)[None]
    mask = (torch.arange(12) < 9)[None].long()
    out["text"] = model(tokens, attention_mask=mask)[0][0, :9]


def _image(out: dict[str, Tensor], sizes: dict[str, dict[str, tuple[int, ...]]]) -> None:
    unused = {name: types.ModuleType(name) for name in ("torchvision", "torchvision.transforms")}
    with mock.patch.dict(sys.modules, unused):  # of the transforms it uses none here
        parts = module("wan_image_encoder")
    parts.attention = module("wan_transformer3d_audio_2512").attention
    model = parts.VisionTransformer(**IMAGE, pool_type="token", pre_norm=True, activation="gelu")
    sizes["image"] = {f"visual.{name}": size for name, size in sizes_of(model).items()}
    weights = {name.removeprefix("visual."): tensor for name, tensor in drawn(sizes["image"], SEED).items()}
    model.load_state_dict(weights)
    picture = (noise(21, 40, 40, 3).sigmoid() * 255).to(torch.uint8)
    scaled = picture.permute(2, 0, 1)[None].float() / 127.5 - 1
    resized = functools.partial(torch.nn.functional.interpolate, mode="bicubic", align_corners=False)
    pixels = resized(scaled, size=(IMAGE["image_size"],) * 2) * 0.5 + 0.5
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    out["image"] = model.eval()((pixels - mean) / std, use_31_block=True)[0]


def _vae(out: dict[str, Tensor], sizes: dict[str, dict[str, tuple[int, ...]]]) -> None:
    parts = module("wan_vae")
    model = _load(parts._video_vae(z_dim=16, dim=VAE_DIM), "vae", sizes)
    scale = parts.AutoencoderKLWan.__init__  # the published statistics stand in the wrapper's constructor
    wrapper = parts.AutoencoderKLWan.__new__(parts.AutoencoderKLWan)
    with mock.patch.object(parts, "_video_vae", return_value=model):
        scale(wrapper)
    pictures = noise(22, 1, 3, 9, 32, 32).tanh()
    out["vae_latents"] = model.encode(pictures, wrapper.scale)[0, :16]
    out["vae_pictures"] = model.decode(noise(23, 1, 16, 3, 4, 4), wrapper.scale)[0].clamp(-1, 1)
