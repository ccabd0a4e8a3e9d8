"""Chooses the engine that draws faces."""

from services.renderer.engine import Engine
from services.renderer.settings import RendererSettings


def load_engine(settings: RendererSettings) -> Engine:
    """The engine that `RENDER_ENGINE` names, loaded. Blocks while it loads; only the chosen engine is imported."""
    match settings.render_engine:
        case "portrait":
            from services.renderer.portrait_engine import PortraitEngine

            return PortraitEngine(settings.render_cache_dir, settings.style_prompt, settings.style_cfg)
        case "echomimic":
            from services.renderer.echomimic_engine import open_echomimic

            return open_echomimic()
