"""Sound to audio features with wav2vec 2.0: what the transformer gets for each picture.

As the reference has it, wav2vec's convolutions are interpolated to 25 frames a second before its transformer, and all
layers are kept. Pictures come at 15 a second here, so the layers are interpolated once more, to the pictures' times.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Wav2Vec2Model

from services.renderer.echomimic.networks.shape import SAMPLE_RATE
from services.renderer.echomimic.networks.weights import FETCH, WeightsError
from services.renderer.media.clock import FPS

TRAINED_FPS = 25


class AudioEncoder(nn.Module):
    """wav2vec 2.0 with its layers laid open."""

    def __init__(self, model: Wav2Vec2Model) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)

    @property
    def layers(self) -> int:
        """Transformer layers: how many features there are for each frame."""
        return int(self.model.config.num_hidden_layers)

    def states(self, sound: Tensor, frames: int) -> Tensor:
        """Normalised sound [samples] -> [frames, layers, channels], the frames spread evenly over the sound."""
        model = self.model
        coarse = model.feature_extractor(sound[None])
        spread = functional.interpolate(coarse, size=frames, align_corners=True, mode="linear").transpose(1, 2)
        states, _ = model.feature_projection(spread)
        encoder = model.encoder
        states = encoder.layer_norm(states + encoder.pos_conv_embed(states))
        kept = []
        for layer in encoder.layers:
            states = layer(states)
            kept.append(states[0])
        return torch.stack(kept, 1)

    def forward(self, sound: Tensor, pictures: int) -> Tensor:
        """Normalised sound [samples] -> [pictures, layers, channels] for its last pictures, 15 a second."""
        heard = round(sound.shape[0] / SAMPLE_RATE * TRAINED_FPS)
        states = self.states(sound, heard)
        times = torch.arange(-pictures, 0, device=sound.device) * (TRAINED_FPS / FPS) + heard
        before = times.floor().clamp(0, heard - 1)
        share = (times - before).clamp(0, 1).to(states.dtype)[:, None, None]
        at = before.long()
        return torch.lerp(states[at], states[(at + 1).clamp(max=heard - 1)], share)


def load_audio_encoder(folder: Path, device: str, dtype: torch.dtype) -> AudioEncoder:
    """Raises `WeightsError`."""
    if not (folder / "config.json").is_file():
        raise WeightsError(f"{folder / 'config.json'} is missing: fetch the weights with `{FETCH}`.")
    try:
        model, found = Wav2Vec2Model.from_pretrained(
            folder, local_files_only=True, dtype=dtype, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        what = str(error).splitlines()[0]
        raise WeightsError(f"{folder} cannot be read ({what}): delete it and run `{FETCH}`.") from error
    absent = sorted(key for key in found["missing_keys"] if "masked_spec_embed" not in key)
    if absent:
        raise WeightsError(f"{folder} has nothing for {absent[0]}: it is not the wav2vec that this engine reads.")
    return AudioEncoder(model.to(device))


def normalised(sound: Tensor) -> Tensor:
    """Zero mean and unit variance, as wav2vec's own feature extractor does. After it the reference's levelling
    of the loudness would change nothing, so it is left out."""
    return (sound - sound.mean()) / torch.sqrt(sound.var(unbiased=False) + 1e-7)
