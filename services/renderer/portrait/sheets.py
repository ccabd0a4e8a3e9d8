"""Contact sheets to judge the portrait by: `python -m services.renderer.portrait.sheets OUT_DIR`."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from services.common.speech import VISEMES
from services.renderer.engine import Frame
from services.renderer.portrait import cache
from services.renderer.portrait.acting.articulation import SHAPES
from services.renderer.portrait.acting.pose import Pose
from services.renderer.portrait.bake import bake_to_cache
from services.renderer.portrait.drawing.face import Face
from services.renderer.portrait.person.people import PEOPLE
from services.renderer.portrait.person.styles import STYLES, graded
from services.renderer.portrait.rehearsal import performance
from services.renderer.settings import RendererSettings

EXPRESSIONS: dict[str, dict[str, float]] = {
    "rest": {},
    "blink .35": {"blink_left": 0.35, "blink_right": 0.35},
    "blink .7": {"blink_left": 0.7, "blink_right": 0.7},
    "blink 1": {"blink_left": 1, "blink_right": 1},
    "gaze left": {"gaze_x": -1},
    "gaze right": {"gaze_x": 1},
    "gaze up": {"gaze_y": -1},
    "gaze down": {"gaze_y": 1},
    "serious": {"smile": 0},
    "smile 1": {"smile": 1},
    "laugh": {"jaw": 0.5, "smile": 1, "upper": 0.6, "lower": 0.2, "wide": 0.2, "squint": 0.3},
    "brows up": {"brow": 0.8, "jaw": 0.12},
    "furrow": {"furrow": 1, "smile": 0.1},
    "concern": {"brow_tilt": 1, "brow": 0.3, "smile": 0.1},
    "yaw -8": {"yaw": -8},
    "yaw 8": {"yaw": 8},
    "pitch -6": {"pitch": -6},
    "pitch 6": {"pitch": 6},
    "roll -6": {"roll": -6},
    "roll 6, breath": {"roll": 6, "breath": 1},
}


def labelled(image: Frame, text: str) -> Frame:
    """The picture with a line of text at its lower edge."""
    out = np.ascontiguousarray(image)
    for colour, width in (((0, 0, 0), 3), ((230, 230, 230), 1)):
        cv2.putText(out, text, (6, out.shape[0] - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, width, cv2.LINE_AA)
    return out


def tiled(images: Iterable[Frame], columns: int) -> Frame:
    """Pictures of one size in rows of `columns`, black where the last row ends early."""
    tiles: Sequence[Frame] = list(images)
    tiles = [*tiles, *[np.zeros_like(tiles[0])] * (-len(tiles) % columns)]
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def scaled(image: Frame, factor: float) -> Frame:
    """The picture, `factor` times as large."""
    how = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=how), np.uint8)


def viseme_sheet(face: Face) -> Frame:
    """The mouth in the shape of every viseme."""
    crops = []
    for name in VISEMES:
        frame = face.draw(Pose(**{"smile": 0.3} | SHAPES[name]))
        crops.append(labelled(scaled(frame[250:372, 172:340], 2), name))
    return tiled(crops, 5)


def expression_sheet(face: Face, rest: Pose) -> Frame:
    """The face with every expression, turn and glance."""
    crops = []
    for name, changes in EXPRESSIONS.items():
        frame = face.draw(replace(rest, **changes))
        crops.append(labelled(scaled(frame[30:430, 56:456], 0.75), name))
    return tiled(crops, 5)


def speech_strip(face: Face, poses: list[Pose]) -> Frame:
    """6 s at 15 FPS, every third frame."""
    return tiled(
        (
            labelled(scaled(face.draw(p)[30:430, 76:436], 0.6), f"{i / 15:.2f} s")
            for i, p in enumerate(poses)
            if i % 3 == 0
        ),
        8,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Contact sheets to judge the portrait by.")
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    settings = RendererSettings()

    def keep(name: str, image: Frame) -> None:
        path = chosen.folder / f"{name}.png"
        cv2.imwrite(str(path), image)
        sys.stdout.write(f"{path}\n")

    for name, who in PEOPLE.items():
        looks = []
        for style in STYLES:
            layers = cache.load(bake_to_cache(settings.render_cache_dir, name, style, settings.style_cfg))
            if layers is None:
                raise SystemExit(f"{name} in {style} could not be read back.")
            face = Face(who, graded(STYLES[style], settings.style_cfg), layers)
            looks.append(labelled(face.draw(who.rest).copy(), style))
            if style == "studio":
                keep(f"{name}_rest", face.draw(who.rest))
                keep(f"{name}_closer", scaled(face.draw(who.rest)[40:380, 116:396], 3))
                keep(f"{name}_visemes", viseme_sheet(face))
                keep(f"{name}_expressions", expression_sheet(face, who.rest))
                keep(f"{name}_speech", speech_strip(face, performance(who, 6)))
        keep(f"{name}_styles", tiled(looks, len(looks)))


if __name__ == "__main__":
    main()
