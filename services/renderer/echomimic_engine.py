"""EchoMimic v3, the engine for a GPU: a photo and streamed speech to video. docs/echomimic.md tells how.

It fails at start, not at the first session: no GPU, too little memory, a missing file or a portrait that will not do
is a sentence.
"""

import itertools
import os

from services.common.errors import Problem
from services.common.logs import logger
from services.renderer.echomimic.recipe import Recipe
from services.renderer.echomimic.windows import LOOK_AHEAD, Scheme
from services.renderer.engine import Engine, Performer
from services.renderer.engines import EngineUnavailableError
from services.renderer.media.clock import FPS
from services.renderer.settings import RendererSettings

MEMORY = 16e9
"""Bytes of GPU memory that the engine takes at most once it has started; the text encoder, at start, takes less."""

STYLE = "prompt"
"""The one style: what STYLE_PROMPT said at start."""


def open_echomimic(settings: RendererSettings) -> Engine:
    """The engine, ready. Takes minutes at the first start. Raises `EngineUnavailableError`."""
    try:
        import torch
    except ImportError as error:
        raise EngineUnavailableError(
            "RENDER_ENGINE=echomimic needs its own environment: make setup-echomimic, then make up; "
            "RENDER_FALLBACK=portrait starts with the drawn face instead."
        ) from error
    if not torch.cuda.is_available():
        raise EngineUnavailableError(
            "RENDER_ENGINE=echomimic needs an NVIDIA GPU, and PyTorch finds none here; RENDER_FALLBACK=portrait "
            "starts with the drawn face instead."
        )
    free, _ = torch.cuda.mem_get_info()
    if free < MEMORY:
        raise EngineUnavailableError(
            f"RENDER_ENGINE=echomimic needs {MEMORY / 1e9:.0f} GB of GPU memory, and {free / 1e9:.1f} GB are free."
        )
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str((settings.echomimic_cache_dir / "compiled").resolve()))
    try:
        return EchoMimicEngine(settings, "cuda")
    except torch.cuda.OutOfMemoryError as error:
        raise EngineUnavailableError("The GPU's memory ran out while EchoMimic v3 started.") from error


def recipe_of(settings: RendererSettings) -> Recipe:
    """Raises `EngineUnavailableError` for settings that do not go together."""
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


class EchoMimicEngine:
    """Fills `services.renderer.engine.Engine`."""

    name = "echomimic"
    style = STYLE
    styles: tuple[str, ...] = (STYLE,)

    def __init__(self, settings: RendererSettings, device: str) -> None:
        """Everything is loaded, compiled and prepared here. `device`: "cuda", or "cpu" for small models in tests."""
        from services.renderer.echomimic import loading
        from services.renderer.echomimic.networks.layout import Layout
        from services.renderer.echomimic.portraits import find_portraits, read_portrait
        from services.renderer.echomimic.stage import Stage

        self._recipe = recipe_of(settings)
        layout = Layout(settings.models_dir)
        if absent := layout.missing():
            raise EngineUnavailableError(
                f"Weights are missing ({', '.join(map(str, absent))}): `python -m services.renderer.models fetch`."
            )
        progress = loading.Progress(7)
        with progress.step("portraits"):
            files = find_portraits(settings.avatars_dir)
            if settings.avatar not in files:
                raise EngineUnavailableError(
                    f"AVATAR={settings.avatar} is not there: choose one of {', '.join(files)}, or put its portrait "
                    f"into {settings.avatars_dir}."
                )
            portraits = {name: read_portrait(path, self._recipe.size) for name, path in files.items()}
        with progress.step("style"):
            text = loading.embedded_prompt(layout, settings.style_prompt, settings.echomimic_cache_dir, device)
        with progress.step("image encoder"):
            images = loading.embedded_portraits(layout, portraits, device)
        with progress.step("models"):
            fp8 = settings.echomimic_precision == "fp8"
            generator = loading.load_generator(layout, text, self._recipe, device, fp8=fp8)
        with progress.step("likenesses"):
            likenesses = {name: generator.likeness(portraits[name], images[name]) for name in portraits}
        with progress.step("compiling"):
            if device == "cuda":
                loading.optimise(generator, next(iter(likenesses.values())), settings.echomimic_rows)
        self._stage = Stage(generator, settings.echomimic_rows)
        with progress.step("idle motion"):
            self._avatars = {
                name: loading.animated(self._stage, likeness, self._recipe) for name, likeness in likenesses.items()
            }
        self.avatars = tuple(self._avatars)
        self.start_up = progress.seconds
        self._opened = itertools.count()
        logger().info("echomimic is ready", avatars=self.avatars, **loading.memory(device))

    def open(self, avatar: str, style: str) -> Performer:
        """As `Engine.open`."""
        from services.renderer.echomimic.performer import EchoMimicPerformer

        if avatar not in self._avatars:
            known = ", ".join(self.avatars)
            raise Problem(422, f"avatar: {avatar!r} is not there; it is one of {known}.", field="avatar")
        if style not in self.styles:
            raise Problem(422, f"style: {style!r} is not there; the style is baked at start.", field="style")
        return EchoMimicPerformer(self._stage, self._avatars[avatar], self._recipe, 17 * next(self._opened))

    def close(self) -> None:
        self._stage.close()
