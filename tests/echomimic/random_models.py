"""Generators with random weights of any size, made where they are used: for what does not ask what they draw."""

from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from transformers import Wav2Vec2Config, Wav2Vec2Model

from services.renderer.echomimic.generator import Generator
from services.renderer.echomimic.loading import precision
from services.renderer.echomimic.networks.audio_encoder import AudioEncoder
from services.renderer.echomimic.networks.shape import Shape
from services.renderer.echomimic.networks.transformer import Transformer
from services.renderer.echomimic.networks.vae import VideoCodec
from services.renderer.echomimic.recipe import Recipe
from services.renderer.engine import Frame

IMAGE_TOKENS = 257


class RandomModels:
    """The models that stay on the GPU; generators of different recipes share them."""

    def __init__(self, shape: Shape, device: str, vae_dim: int = 96, hearing: dict[str, Any] | None = None) -> None:
        self.shape, self.device, dtype = shape, device, precision(device)
        torch.manual_seed(0)
        with torch.device(device):
            self.transformer = Transformer(shape).to(dtype).eval().requires_grad_(False)
            vae = AutoencoderKLWan(base_dim=vae_dim).to(dtype).eval().requires_grad_(False)
            self.audio_encoder = AudioEncoder(Wav2Vec2Model(Wav2Vec2Config(**(hearing or {}))).to(dtype))
            self.text = torch.randn(20, shape.text_dim)
            self.image = torch.randn(IMAGE_TOKENS, shape.image_dim)
        self.codec = VideoCodec(vae)

    def generator(self, recipe: Recipe) -> Generator:
        return Generator(self.transformer, self.codec, self.audio_encoder, self.text, recipe)

    def portrait(self, size: int) -> Frame:
        """A picture with something everywhere."""
        return np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
