"""How windows are made: sizes and steps, all of it settings."""

from dataclasses import dataclass, field

from services.renderer.echomimic.networks.shape import SCALE
from services.renderer.echomimic.windows import LOOK_AHEAD, Scheme
from services.renderer.engine import EngineUnavailableError
from services.renderer.media.clock import FPS
from services.renderer.settings import RendererSettings

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
    def audio_pictures(self) -> int:
        """Pictures of sound that one window is made from: memory, the window itself, LOOK_AHEAD on either side."""
        return MEMORY + self.scheme.window + 2 * LOOK_AHEAD

    @property
    def passes(self) -> int:
        """Transformer passes of one row for a window."""
        return self.steps + len(self.guided_steps)


def recipe_of(settings: RendererSettings) -> Recipe:
    """What the settings say. Raises `EngineUnavailableError` for settings that do not go together."""
    try:
        recipe = Recipe(
            size=settings.echomimic_size,
            scheme=Scheme(settings.echomimic_window, settings.echomimic_overlap),
            steps=settings.echomimic_steps,
            guided_steps=settings.echomimic_guided_steps,
            guidance=settings.style_cfg,
        )
    except ValueError as error:
        raise EngineUnavailableError(str(error)) from error
    needed = (recipe.scheme.window - 1 + LOOK_AHEAD) / FPS
    if needed > settings.buffer_seconds:
        raise EngineUnavailableError(
            f"ECHOMIMIC_WINDOW={recipe.scheme.window} is made from {needed:.1f} s of speech ahead, and "
            f"BUFFER_SECONDS lets {settings.buffer_seconds:.1f} come."
        )
    return recipe
