"""Chooses the engine that draws faces."""

from services.common.logs import logger
from services.renderer.engine import Engine, EngineUnavailableError
from services.renderer.settings import RendererSettings


def load_engine(settings: RendererSettings) -> Engine:
    """The engine that `RENDER_ENGINE` names, loaded, with the face that `AVATAR` names. Blocks while it loads.

    Only the chosen engine is imported. Where it cannot draw, RENDER_FALLBACK does, if it is set, with its own first
    face where it does not know AVATAR. Raises `EngineUnavailableError`.
    """
    try:
        engine = _load(settings.render_engine, settings)
        if settings.avatar not in engine.avatars:
            known = ", ".join(engine.avatars)
            raise EngineUnavailableError(f"AVATAR={settings.avatar} is not there: choose one of {known}.")
        return engine
    except EngineUnavailableError as error:
        if settings.render_fallback in ("", settings.render_engine):
            raise
        logger().error(
            "the engine cannot draw; RENDER_FALLBACK does", fallback=settings.render_fallback, reason=str(error)
        )
        return _load(settings.render_fallback, settings)


def _load(name: str, settings: RendererSettings) -> Engine:
    match name:
        case "portrait":
            try:
                from services.renderer.portrait.engine import PortraitEngine
            except ImportError as error:  # skia is linked against the system's GL, which servers may lack
                raise EngineUnavailableError(
                    f"the portrait engine cannot be loaded ({error}); on Debian: apt-get install libgl1 libegl1"
                ) from error

            return PortraitEngine(settings.render_cache_dir, settings.style_prompt, settings.style_cfg)
        case "echomimic":
            from services.renderer.echomimic_engine import open_echomimic

            return open_echomimic(settings)
        case _:
            raise ValueError(f"There is no engine {name!r}.")
