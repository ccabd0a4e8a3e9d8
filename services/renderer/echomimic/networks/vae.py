"""Pictures to latents and back, with Wan 2.1's video autoencoder (diffusers').

Both halves are causal in time and keep what their convolutions have seen, so a window is decoded one latent frame after
the other: the first gives one picture, each later one four, and pictures leave while the rest is still being decoded.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from diffusers import AutoencoderKLWan
from diffusers.loaders.single_file_utils import convert_wan_vae_to_diffusers
from diffusers.models.autoencoders.autoencoder_kl_wan import WanCausalConv3d
from torch import Tensor, nn

from services.renderer.echomimic.networks.weights import Checkpoint, fill


class VideoCodec:
    """Wan 2.1's autoencoder, with its latents' mean and deviation taken out."""

    def __init__(self, vae: AutoencoderKLWan) -> None:
        self.vae = vae
        place = {"device": vae.device, "dtype": vae.dtype}
        self._mean, self._std = (
            torch.tensor(values, **place).view(1, -1, 1, 1, 1)
            for values in (vae.config.latents_mean, vae.config.latents_std)
        )
        self._convolutions = vae._cached_conv_counts["decoder"]

    def encode(self, pictures: Tensor) -> Tensor:
        """[B, 3, 1 + 4k, H, W] in -1..1 -> the most likely latents [B, latent, 1 + k, H/8, W/8]."""
        likely = self.vae._encode(pictures.to(self.vae.dtype).contiguous()).chunk(2, 1)[0]
        return (likely - self._mean) / self._std

    def decode(self, latents: Tensor) -> Iterator[Tensor]:
        """Pictures in -1..1, latent frame by latent frame: [B, 3, 1, H, W], then [B, 3, 4, H, W] each."""
        ready = self.vae.post_quant_conv(latents.to(self.vae.dtype) * self._std + self._mean)
        seen: list[Tensor | str | None] = [None] * self._convolutions
        for number in range(ready.shape[2]):
            frame = ready[:, :, number : number + 1].contiguous(memory_format=torch.channels_last_3d)
            yield self.vae.decoder(frame, feat_cache=seen, feat_idx=[0], first_chunk=number == 0).clamp(-1, 1)

    def optimise(self) -> None:
        """Compile both halves and lay their weights out for the tensor cores. The first calls then take their time."""
        torch.backends.cudnn.benchmark = True  # shapes never change; searched once in each thread
        for module in self.vae.modules():
            if isinstance(module, WanCausalConv3d):
                _pad_in_place(module)
            if isinstance(module, nn.Conv3d):
                module.to(memory_format=torch.channels_last_3d)
            elif isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)
        self.vae.decoder.compile(dynamic=False)
        self.vae.encoder.compile(dynamic=False)


def _pad_in_place(convolution: WanCausalConv3d) -> None:
    """Let the convolution pad height and width by itself, instead of a copy of its input beforehand. In time it cannot:
    there the padding is on one side."""
    left, right, top, bottom, before, after = convolution._padding
    if left == right and top == bottom:
        convolution.padding = (0, top, left)
        convolution._padding = (0, 0, 0, 0, before, after)


def load_codec(path: Path, device: str, dtype: torch.dtype) -> VideoCodec:
    """Raises `WeightsError`."""
    stored = Checkpoint(path)
    with torch.device("meta"):
        vae = AutoencoderKLWan(base_dim=stored.size("encoder.conv1.weight")[0], z_dim=stored.size("conv2.weight")[0])
    fill(vae, convert_wan_vae_to_diffusers({key: stored[key] for key in stored}), path, device, dtype)
    return VideoCodec(vae)
