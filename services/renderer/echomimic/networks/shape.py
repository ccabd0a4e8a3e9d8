"""The transformer's widths. The published ones are the defaults; tests build small ones."""

from dataclasses import dataclass

AUDIO_CONTEXT = 5
"""Frames of audio features that one picture is made from: its own and two on either side."""

GROUP = 4
"""Pictures in a latent frame; the first latent frame of a window holds one."""

SAMPLE_RATE = 16_000
"""Of the sound that the model hears."""

SCALE = 8
"""Pixels of a latent pixel, each way."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Widths and counts of the transformer; the published checkpoint has the defaults."""

    layers: int = 30
    dim: int = 1536
    ffn: int = 8960
    heads: int = 12
    latent: int = 16  # channels of the video latents
    text_dim: int = 4096
    text_len: int = 512  # tokens, padded with zeros and not masked
    image_dim: int = 1280
    time_dim: int = 256
    audio_dim: int = 768
    audio_layers: int = 12
    audio_hidden: int = 512
    audio_tokens: int = 32  # a latent frame
    eps: float = 1e-6

    @property
    def head_dim(self) -> int:
        """Channels of one attention head."""
        return self.dim // self.heads

    @property
    def inputs(self) -> int:
        """Channels in: noise, mask (one a picture of the group), latents of what is given."""
        return 2 * self.latent + GROUP
