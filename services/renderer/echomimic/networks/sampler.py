"""The sampler: UniPC on a flow, as a table.

With the noise levels fixed, every step of the solver is linear in the first noise and the velocities seen so far. The
table of those weights is read off diffusers' own scheduler by letting it integrate unit vectors, so the solver is not
written a second time here, a step is one small product, and windows at different steps need no scheduler objects.
"""

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import UniPCMultistepScheduler
from torch import Tensor

NOISE_LEVELS = 1000
SHIFT = 5.0
"""As Flash is run: moves the steps towards much noise, where motion and pose are decided."""


@dataclass(frozen=True)
class Schedule:
    """`timesteps` [steps], whole numbers as the reference rounds them; `weights` [steps, 1 + steps]: row i gives the
    latents after step i from (first noise, velocity 0, …, velocity i)."""

    timesteps: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.timesteps)

    def after(self, step: int, noise: Tensor, velocities: list[Tensor]) -> Tensor:
        """The latents after `step`, given the velocities of steps 0..step. fp32."""
        first, *rest = self.weights[step, : step + 2].tolist()
        latents = noise * first
        for weight, velocity in zip(rest, velocities, strict=True):
            latents = latents.add(velocity, alpha=weight)
        return latents


def schedule(steps: int, shift: float = SHIFT) -> Schedule:
    """The table for so many steps."""
    even = np.linspace(1 - 1 / NOISE_LEVELS, 0, steps, endpoint=False)
    sigmas = shift * even / (1 + (shift - 1) * even)
    scheduler = UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=1.0, num_train_timesteps=NOISE_LEVELS
    )
    scheduler.set_timesteps(sigmas=sigmas)
    units = torch.eye(1 + steps)[:, None]  # each a batch of one
    latents, rows = units[0], []
    for number, timestep in enumerate(scheduler.timesteps):
        latents = scheduler.step(units[1 + number], timestep, latents, return_dict=False)[0]
        rows.append(latents)
    return Schedule(scheduler.timesteps.to(torch.int64), torch.cat(rows))


def guided(heard: Tensor, deaf: Tensor, scale: float) -> Tensor:
    """Guidance towards the sound: away from what the model does without it."""
    return deaf + scale * (heard - deaf)
