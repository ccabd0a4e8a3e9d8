"""One window from sound to pictures: what the GPU does, without saying when.

`advance` belongs to one thread, `prepare` and `pictures` to one other. Each returns, or yields, when the GPU is done
with it, so what one made the other can use whatever streams they run on.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.renderer.echomimic.networks.audio_encoder import AudioEncoder, normalised
from services.renderer.echomimic.networks.passes import Passes, Row, captured
from services.renderer.echomimic.networks.sampler import Schedule, guided, schedule
from services.renderer.echomimic.networks.shape import GROUP, SCALE
from services.renderer.echomimic.networks.transformer import Modulation, Transformer
from services.renderer.echomimic.networks.vae import VideoCodec
from services.renderer.echomimic.recipe import Recipe
from services.renderer.echomimic.sound import sample_at
from services.renderer.echomimic.windows import LOOK_AHEAD
from services.renderer.engine import Frame


@dataclass(frozen=True, slots=True)
class Likeness:
    """What every window of an avatar needs, computed once from its portrait."""

    portrait: Frame  # BGR
    latents: Tensor  # [latent, T, h, w]: the portrait, then the grey that stands for what is to be made
    memory: Tensor  # [layers, 2, S, N, D]: keys and values of the image
    colours: tuple[Tensor, Tensor]  # mean and deviation of each channel, [3, 1, 1, 1]


@dataclass(slots=True)
class Denoising:
    """A window between its first step and its last. `latents` are what the next step sees, and at the end the result;
    `carried`: pictures at its start that are not new."""

    given: Tensor
    image: Tensor
    audio: Tensor
    noise: Tensor
    latents: Tensor
    carried: int
    velocities: list[Tensor] = field(default_factory=list)

    @property
    def step(self) -> int:
        """Steps that were taken: the index of the next one."""
        return len(self.velocities)


class Generator:
    """The models of one GPU with one style."""

    def __init__(
        self,
        transformer: Transformer,
        codec: VideoCodec,
        audio_encoder: AudioEncoder,
        text: Tensor,
        recipe: Recipe,
        seed: int = 0,
    ) -> None:
        """`text`: T5's embedding of the style, [tokens, width]; `seed` of the noise that windows begin with."""
        self.transformer, self.codec, self.audio_encoder, self.recipe = transformer, codec, audio_encoder, recipe
        shape, scheme = transformer.shape, recipe.scheme
        weight = transformer.head.head.weight
        self.device, self.dtype = weight.device, weight.dtype
        self.schedule: Schedule = schedule(recipe.steps)
        side = recipe.size // SCALE
        self._latent_size = (shape.latent, scheme.latents, side, side)
        self._encode_audio: Callable[[Tensor], Tensor] = self._audio_memory
        self._side = torch.cuda.Stream() if self.device.type == "cuda" else None
        self._random = torch.Generator(self.device).manual_seed(seed)
        with torch.inference_mode():
            self.modulations = transformer.modulation(self.schedule.timesteps.to(self.device))
            silence = torch.zeros(
                scheme.window + 2 * LOOK_AHEAD,
                shape.audio_layers,
                shape.audio_dim,
                device=self.device,
                dtype=self.dtype,
            )
            self._silence = transformer.audio_memory(silence)
            turn = transformer.rotation(scheme.latents, side, side)
            self.passes = Passes(transformer, transformer.text_memory(text.to(self.device, self.dtype)), turn)

    def likeness(self, portrait: NDArray[np.uint8], image: Tensor) -> Likeness:
        """`portrait` BGR [size, size, 3], `image` CLIP's embedding of it."""
        with torch.inference_mode():
            pixels = torch.from_numpy(portrait[..., ::-1].copy()).to(self.device).movedim(-1, 0)
            first = (pixels.float() / 127.5 - 1)[None, :, None]
            grey = first.new_zeros(1, 3, self.recipe.scheme.window - 1, *first.shape[-2:])
            latents = self.codec.encode(torch.cat((first, grey), 2))[0].to(self.dtype)
            memory = self.transformer.image_memory(image.to(self.device, self.dtype))
            return Likeness(portrait, latents, memory, _colours(first[0]))

    def prepare(self, likeness: Likeness, sound: NDArray[np.float32], tail: Tensor | None) -> Denoising:
        """A window before its first step.

        `sound`: `recipe.audio_pictures` pictures of it at 16 kHz, ending LOOK_AHEAD pictures after the window. `tail`:
        the last pictures of the window before, as `pictures` left them, or None to start from the portrait. They are
        encoded by themselves, and the grey after them is the portrait's: encoding the whole window anew would cost four
        times as much.
        """
        with torch.inference_mode():
            with self._beside():  # many small kernels, while the encoder's are as small
                audio = self._encode_audio(torch.from_numpy(sound).to(self.device))
            latents = likeness.latents
            if tail is not None:
                fresh = self.codec.encode(tail[None])[0].to(self.dtype)
                latents = torch.cat((fresh, latents[:, fresh.shape[1] :]), 1)
            known = 1 if tail is None else (tail.shape[1] - 1) // GROUP + 1
            mask = latents.new_zeros(GROUP, *latents.shape[1:])
            mask[:, :known] = 1
            noise = torch.randn(self._latent_size, generator=self._random, device=self.device)
            given = torch.cat((mask, latents))
            if self._side is not None:
                self._side.synchronize()
            self._finish()
        return Denoising(given, likeness.memory, audio, noise, noise, 1 if tail is None else tail.shape[1])

    def _beside(self) -> contextlib.AbstractContextManager[Any]:
        """What is launched within runs beside the rest, where there is a GPU."""
        return contextlib.nullcontext() if self._side is None else torch.cuda.stream(self._side)

    def _audio_memory(self, sound: Tensor) -> Tensor:
        """fp32 sound -> keys and values of it, [layers, 2, T, S, N, D]."""
        pictures = self.recipe.scheme.window + 2 * LOOK_AHEAD
        return self.transformer.audio_memory(self.audio_encoder(normalised(sound).to(self.dtype), pictures))

    def capture_audio_encoder(self) -> None:
        """Make a CUDA graph of the audio encoder: hundreds of small kernels take longer to launch than to run."""
        buffer = torch.zeros(sample_at(self.recipe.audio_pictures), device=self.device)
        graph, encoded = captured(lambda: self._audio_memory(buffer))

        def replay(sound: Tensor) -> Tensor:
            buffer.copy_(sound)
            graph.replay()
            return encoded.clone()

        self._encode_audio = replay

    def rows(self, window: Denoising) -> int:
        """How many rows of a pass the window's next step takes."""
        return 2 if window.step in self.recipe.guided_steps else 1

    def advance(self, windows: list[Denoising]) -> None:
        """One step for each of the windows, in one pass. Returns when the GPU is done with it."""
        with torch.inference_mode():
            rows = []
            for window in windows:
                step = Modulation(*(table[window.step] for table in self.modulations))
                sounds = (window.audio, self._silence)[: self.rows(window)]
                rows += [Row(window.latents, window.given, step, window.image, audio) for audio in sounds]
            velocities = iter(self.passes(rows).float())
            for window in windows:
                velocity = next(velocities)
                if self.rows(window) == 2:
                    velocity = guided(velocity, next(velocities), self.recipe.guidance)
                window.velocities.append(velocity)
                window.latents = self.schedule.after(window.step - 1, window.noise, window.velocities)
            self._finish()

    def done(self, window: Denoising) -> bool:
        """Whether all steps were taken, and `pictures` can be called."""
        return window.step == self.recipe.steps

    def pictures(self, window: Denoising, likeness: Likeness) -> Iterator[tuple[list[Frame], Tensor]]:
        """The new pictures of a window whose steps are done, as soon as each latent frame is decoded: (BGR pictures,
        the last `overlap` of all so far as a tensor for `prepare`)."""
        skip, kept = window.carried, None
        with torch.inference_mode():
            for part in self.codec.decode(window.latents[None]):
                matched = _matched(part[0].float(), likeness.colours)
                kept = matched if kept is None else torch.cat((kept, matched), 1)[:, -self.recipe.scheme.overlap :]
                fresh, skip = matched[:, skip:], max(0, skip - matched.shape[1])
                if fresh.shape[1]:
                    levels = ((fresh.flip(0) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 3, 0)
                    yield list(levels.cpu().numpy()), kept
            self._finish()

    def _finish(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.current_stream(self.device).synchronize()


def _colours(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """[3, F, H, W] -> mean and deviation of each channel of each picture, [3, F, 1, 1]."""
    deviation, mean = torch.std_mean(pictures, (-2, -1), keepdim=True)
    return mean, deviation


def _matched(pictures: Tensor, colours: tuple[Tensor, Tensor]) -> Tensor:
    """Each picture with the portrait's mean and deviation of every channel: chained windows keep its colours."""
    (mean, deviation), (wanted_mean, wanted_deviation) = _colours(pictures), colours
    return ((pictures - mean) * (wanted_deviation / deviation.clamp(min=1e-4)) + wanted_mean).clamp(-1, 1)
