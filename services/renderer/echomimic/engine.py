"""The engine: EchoMimic v3 (Flash) loaded, compiled and prepared once, for all sessions."""

import asyncio
import itertools

from services.common.errors import Problem
from services.common.logs import logger
from services.renderer.echomimic import loading
from services.renderer.echomimic.networks.layout import Layout
from services.renderer.echomimic.performer import EchoMimicPerformer
from services.renderer.echomimic.portraits import find_portraits, read_portrait
from services.renderer.echomimic.recipe import recipe_of
from services.renderer.echomimic.stage import Stage
from services.renderer.engine import EngineUnavailableError, Performer
from services.renderer.settings import RendererSettings

STYLE = "prompt"
"""The one style: what STYLE_PROMPT said at start."""


class EchoMimicEngine:
    """Fills `services.renderer.engine.Engine`."""

    name = "echomimic"
    style = STYLE
    styles: tuple[str, ...] = (STYLE,)

    def __init__(self, settings: RendererSettings, device: str) -> None:
        """Everything is loaded, compiled and prepared here. `device`: "cuda", or "cpu" for small models in tests."""
        self._recipe = recipe_of(settings)
        layout = Layout(settings.models_dir)
        if absent := layout.missing():
            raise EngineUnavailableError(
                f"Weights are missing ({', '.join(map(str, absent))}): `python -m services.renderer.models fetch`."
            )
        progress = loading.LoadingProgress(7)
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

        if avatar not in self._avatars:
            known = ", ".join(self.avatars)
            raise Problem(422, f"avatar: {avatar!r} is not there; it is one of {known}.", field="avatar")
        if style not in self.styles:
            raise Problem(422, f"style: {style!r} is not there; the style is baked at start.", field="style")
        return EchoMimicPerformer(self._stage, self._avatars[avatar], self._recipe, 17 * next(self._opened))

    async def supervise(self) -> None:
        """As `Engine.supervise`."""
        # Shielded: to stop waiting must not cancel what the stage's threads may have to set.
        await asyncio.shield(asyncio.wrap_future(self._stage.failure))

    def close(self) -> None:
        """End the threads. Sessions must have ended."""
        self._stage.close()
