"""The head as a sculpted height field: skull, features, folds, and what a smile does to them."""

from dataclasses import dataclass

import numpy as np

from services.renderer.portrait.paint.curves import Field, bump, spline
from services.renderer.portrait.paint.raster import HEAD_BOX, blur, grid, groove
from services.renderer.portrait.person.identity import Bump, Identity


@dataclass(frozen=True)
class Sculpture:
    """Height (towards the viewer) over x (from the middle line) and y; `inside`: px to the outline, below 0 outside."""

    x: Field
    y: Field
    height: Field
    inside: Field

    @property
    def side(self) -> Field:
        """Distance from the middle line."""
        return np.abs(self.x)


def sculpt(who: Identity, smile: float = 0.0) -> Sculpture:
    """The head with a smile of 0..1."""
    face, nose = who.face, who.nose
    x, y = grid(HEAD_BOX)
    side, rows = np.abs(x), y[:, 0]
    half, middle = spline(*face.outline, rows), spline(*face.profile, rows)
    u = np.clip(side / np.maximum(half, 1e-3)[:, None], 0, 1)
    inside = np.where((rows < face.outline[0][-1])[:, None], half[:, None] - side, -9.0)
    z = middle[:, None] * np.clip(1 - u**2.2, 0, 1) ** 0.54
    for hill in face.bumps:
        z += raised(hill, x, y)
    cx, cy, rx, ry, height = face.eyeball
    z += height * np.exp(-((((side - cx) / rx) ** 2 + ((y - cy) / ry) ** 2) ** 1.35) * 1.1)
    bridge, width = spline(*nose.bridge, rows)[:, None], spline(*nose.width, rows)[:, None]
    z += bridge * np.exp(-((side / width) ** nose.flat) * 0.6)
    height, ty, sx, sy = nose.tip
    z += height * bump(x, y, 0, ty, sx, sy)
    for part in (nose.wing, nose.crease, nose.nostril):
        z += raised(part, x, y)
    z += _folds(who, x, y, smile)
    z = z.astype(np.float32)
    near_nose = np.clip(1.15 * bump(x, y, 0, nose.wing.y - 22, 27, 38), 0, 1)
    z = (z * (1 - near_nose) + blur(z, nose.soft) * near_nose).astype(np.float32)
    return Sculpture(x, y, z, inside.astype(np.float32))


def raised(hill: Bump, x: Field, y: Field) -> Field:
    """The height that a hill adds at each place, px."""
    return hill.height * bump(np.abs(x) if hill.paired else x, y, hill.x, hill.y, hill.sx, hill.sy, hill.turn)


def _folds(who: Identity, x: Field, y: Field, smile: float) -> Field:
    """Nasolabial folds, cheeks, crow's feet, the fold below the eye, forehead lines."""
    side, eye, folds = np.abs(x), who.eye, who.face.folds
    wing_y, mouth_y = who.nose.wing.y, who.lips.y
    z = np.zeros_like(x)
    deep = folds * 0.8 + 2.0 * smile
    nasolabial = [(21.0, wing_y - 6), (27.0, wing_y + 6), (36.0, mouth_y - 12), (41 + 2 * smile, mouth_y + 2)]
    z -= deep * groove(side, y, nasolabial, 2.6)
    z += 0.8 * deep * bump(side, y, 37, wing_y + 6, 9, 12, 0.5)
    z += 3.6 * smile * bump(side, y, 50, 254, 17, 13, -0.3) - 1.2 * smile * bump(side, y, 66, 284, 12, 14)
    z += 1.3 * smile * bump(side, y, eye.x, eye.y + 13, 17, 4) - 1.5 * smile * bump(side, y, 44, mouth_y + 1, 4, 5)
    crow = 0.30 * folds + 0.42 * smile
    outer = eye.x + 24 * eye.scale
    for dy, slope in ((-8, -0.42), (-2, -0.08), (4.5, 0.32)):
        line = [(outer + d, eye.y + dy + d2 * slope) for d, d2 in ((3.5, 0), (9, 6), (15, 14))]
        z -= crow * groove(side, y, line, 1.1)
    below = [(eye.x - 14, eye.y + 14), (eye.x, eye.y + 18.5), (eye.x + 14, eye.y + 16)]
    z -= (0.18 + 1.0 * crow) * groove(side, y, below, 2.2)
    if folds:
        for line_y, depth, bend in ((139, 0.22, 2.0), (150, 0.30, -1.4), (161, 0.20, 1.0)):
            line = [(-44, line_y + 3), (-23, line_y - bend), (0, line_y + 1.5), (23, line_y - 1.2), (45, line_y + 2.4)]
            z -= depth * groove(x, y, line, 1.5)
        for sign in (-1, 1):  # between the brows
            z -= 0.35 * folds * groove(x, y, [(sign * 8, 178), (sign * 6.6, 186), (sign * 7.4, 196)], 1.3)
    return z
