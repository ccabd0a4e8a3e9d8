"""How windows are made: sizes and steps, all of it settings."""

from dataclasses import dataclass, field

from services.renderer.echomimic.networks.shape import SCALE
from services.renderer.echomimic.windows import LOOK_AHEAD, Scheme

MEMORY = 30
"""Pictures of sound before a window that wav2vec hears with it: two seconds."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """`size`: pixels a side; `guided_steps` take a second pass, without the sound; `guidance`: how far they are led
    away from it."""

    size: int = 512
    scheme: Scheme = field(default_factory=Scheme)
    steps: int = 8
    guided_steps: tuple[int, ...] = (0, 1, 4, 5)
    guidance: float = 2.5

    def __post_init__(self) -> None:
        if self.size % (2 * SCALE):
            raise ValueError(f"A size of {self.size} pixels is not a multiple of {2 * SCALE}.")
        if self.guided_steps and max(self.guided_steps) >= self.steps:
            raise ValueError(f"Step {max(self.guided_steps)} cannot be guided: there are {self.steps}, counted from 0.")

    @property
    def heard(self) -> int:
        """Pictures of sound that one window is made from: memory, the window itself, two on either side."""
        return MEMORY + self.scheme.window + 2 * LOOK_AHEAD

    @property
    def passes(self) -> int:
        """Transformer passes of one row for a window."""
        return self.steps + len(self.guided_steps)
