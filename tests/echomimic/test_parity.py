"""Our model against the reference, part by part, on the same random weights, in fp32 on the CPU.

Where the submodule is checked out its own code runs; elsewhere its results as they were stored (see record.py).
"""

from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import Wav2Vec2Config, Wav2Vec2Model

from services.renderer.echomimic.networks import sampler
from services.renderer.echomimic.networks.audio_encoder import AudioEncoder
from services.renderer.echomimic.networks.encoders import embed_image, load_image_encoder, load_text_encoder
from services.renderer.echomimic.networks.transformer import Fused, Transformer
from services.renderer.echomimic.networks.vae import load_codec
from services.renderer.echomimic.networks.weights import fill
from tests.echomimic import stored
from tests.echomimic.published import SEED, WAV2VEC
from tests.echomimic.reference import GUIDANCE, SIDE, STEPS, checked_out, results, window_inputs
from tests.echomimic.tiny import TINY, drawn, noise

CLOSE = 1e-5


@cache
def expected() -> dict[str, Tensor]:
    return results()[0] if checked_out() else stored.outputs()


def same(ours: Tensor, name: str) -> None:
    theirs = expected()[name]
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= CLOSE


@pytest.fixture(scope="module")
def transformer() -> Transformer:
    model = Transformer(TINY)
    fill(model, Fused(drawn(stored.sizes()["transformer"], SEED)), Path("random"), "cpu", torch.float32)
    return model


@pytest.fixture
def original(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A checkpoint file of the model that the test names, with the original keys."""
    path: Path = tmp_path / "model.safetensors"
    save_file(drawn(stored.sizes()[request.param], SEED), path)
    return path


def run(model: Transformer, audio: Tensor) -> Tensor:
    inputs = window_inputs()
    rows, _, latents, _, _ = inputs["x"].shape
    image = model.image_memory(inputs["image"])[:, :, None].expand(-1, -1, rows, -1, -1, -1)
    heard = model.audio_memory(audio)[:, :, None].expand(-1, -1, rows, -1, -1, -1, -1)
    with torch.inference_mode():
        return model(
            inputs["x"],
            inputs["given"],
            model.modulation(inputs["timesteps"]),
            model.rotation(latents, SIDE, SIDE),
            model.text_memory(inputs["text"]),
            image,
            heard,
        )


def test_the_transformer(transformer: Transformer) -> None:
    """Two rows at different noise levels, with sound."""
    same(run(transformer, window_inputs()["audio"]), "transformer")


def test_the_transformer_without_sound_and_guidance(transformer: Transformer) -> None:
    """The other pass, with zeros for the sound's features, and the formula that puts both together."""
    audio = window_inputs()["audio"]
    deaf = run(transformer, torch.zeros_like(audio))
    same(deaf, "transformer_deaf")
    same(sampler.guided(run(transformer, audio), deaf, GUIDANCE), "guided")


def test_the_audio_projection(transformer: Transformer) -> None:
    """Sound features grouped by latent frame and projected to tokens."""
    same(transformer.audio_injection(window_inputs()["audio"]), "audio_projection")


@pytest.mark.parametrize("steps", STEPS)
def test_every_step_of_the_sampler(steps: int) -> None:
    """The table gives the latents that the reference's UniPC gives, step by step, and its timesteps."""
    table = sampler.schedule(steps)
    assert table.timesteps.tolist() == expected()[f"timesteps_{steps}"].tolist()
    velocities = [noise(7 + number, 1, 4, 6) for number in range(steps)]
    path = [table.after(number, noise(6, 1, 4, 6), velocities[: number + 1]) for number in range(steps)]
    same(torch.cat(path), f"sampler_{steps}")


def test_hearing() -> None:
    """All layers of wav2vec, its convolutions interpolated to 25 frames a second."""
    model = Wav2Vec2Model(Wav2Vec2Config(**WAV2VEC))
    model.load_state_dict(drawn(stored.sizes()["hearing"], SEED))
    same(AudioEncoder(model).states(noise(20, 16_000), 25), "hearing")


@pytest.mark.parametrize("original", ["text"], indirect=True)
def test_the_text_encoder(original: Path) -> None:
    """UMT5 from a checkpoint with the original names, on padded tokens."""
    model = load_text_encoder(original, "cpu", torch.float32)
    mask = (torch.arange(12) < 9)[None].long()
    same(model(torch.arange(2, 14)[None], attention_mask=mask).last_hidden_state[0, :9], "text")


@pytest.mark.parametrize("original", ["image"], indirect=True)
def test_the_image_encoder(original: Path) -> None:
    """CLIP's states before its last layer, from the original names and from a picture of another size."""
    picture = (noise(21, 40, 40, 3).sigmoid() * 255).to(torch.uint8).numpy()
    same(embed_image(load_image_encoder(original, "cpu", torch.float32), picture), "image")


@pytest.mark.parametrize("original", ["vae"], indirect=True)
def test_the_video_autoencoder(original: Path) -> None:
    """Encoding, and decoding one latent frame after the other, from the original names."""
    codec = load_codec(original, "cpu", torch.float32)
    with torch.inference_mode():
        same(codec.encode(noise(22, 1, 3, 9, 32, 32).tanh())[0], "vae_latents")
        pictures = list(codec.decode(noise(23, 1, 16, 3, 4, 4)))
    assert [part.shape[2] for part in pictures] == [1, 4, 4]
    same(torch.cat(pictures, 2)[0], "vae_pictures")


@pytest.mark.skipif(not checked_out(), reason="third_party/echomimic_v3 is not checked out: nothing to compare with")
def test_the_stored_results_are_the_reference_s() -> None:
    """What machines without the submodule compare with is what the reference computes."""
    live, sizes = results()
    assert stored.sizes() == sizes
    assert set(stored.outputs()) == set(live)
    for name, tensor in live.items():
        assert (tensor - stored.outputs()[name]).abs().max() <= CLOSE, name
