"""Draw a portrait's layers ahead of time: `python -m services.renderer.portrait.bake [avatar] [style]`.

The installer runs it, and the renderer does for a style that somebody asks for. Says what it does, line by line.
"""

import argparse
import os
import time
from pathlib import Path

from services.common.logs import configure_logs, logger
from services.common.settings import read_settings
from services.renderer.portrait import cache
from services.renderer.portrait.layers.baking import bake
from services.renderer.portrait.person.people import PEOPLE
from services.renderer.portrait.person.styles import STYLES, graded, preset_for
from services.renderer.settings import RendererSettings

_PARTS = 5


def bake_to_cache(folder: Path, avatar: str, style: str, cfg: float) -> Path:
    """Draw the layers unless they are there, undamaged. -> their file."""
    who, look = PEOPLE[avatar], graded(STYLES[style], cfg)
    path = cache.path_of(folder, who, look)
    if cache.load(path) is not None:
        logger().info("portrait is drawn already", avatar=avatar, style=style)
        return path
    began, done = time.monotonic(), 0

    def progress(part: str) -> None:
        nonlocal done
        done += 1
        seconds = round(time.monotonic() - began, 1)
        logger().info(f"drawing {avatar}, {style}: {done}/{_PARTS} {part}", seconds=seconds)

    logger().info(f"drawing {avatar}, {style}: a few seconds, once")
    cache.save(path, bake(who, look, progress))
    logger().info(f"drew {avatar}, {style}", seconds=round(time.monotonic() - began, 1))
    return path


def main() -> None:
    settings = read_settings(RendererSettings)
    parser = argparse.ArgumentParser(description="Draw a portrait's layers ahead of time.")
    parser.add_argument("avatar", nargs="?", default=settings.avatar, choices=sorted(PEOPLE))
    parser.add_argument("style", nargs="?", default=preset_for(settings.style_prompt), choices=sorted(STYLES))
    parser.add_argument("--folder", type=Path, default=settings.render_cache_dir)
    parser.add_argument("--cfg", type=float, default=settings.style_cfg)
    parser.add_argument("--every-style", action="store_true", help="this style, then the others")
    parser.add_argument("--background", action="store_true", help="let everything else go first")
    chosen = parser.parse_args()
    configure_logs("renderer", settings)
    if chosen.background:
        os.nice(15)
    bake_to_cache(chosen.folder, chosen.avatar, chosen.style, chosen.cfg)
    for style in sorted(set(STYLES) - {chosen.style}) if chosen.every_style else ():
        bake_to_cache(chosen.folder, chosen.avatar, style, chosen.cfg)


if __name__ == "__main__":
    main()
