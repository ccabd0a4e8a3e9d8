"""Who it is: proportions, surfaces and palette. A style never changes any of this.

Lengths are frame px; x counts from the face's middle line, y from the frame's top; heights are towards the viewer.
"""

from dataclasses import dataclass
from typing import Literal

from services.renderer.portrait.acting.pose import Pose
from services.renderer.portrait.paint.colour import Rgb

Curve = tuple[tuple[float, ...], tuple[float, ...]]
"""Abscissae and ordinates of a monotone spline."""


@dataclass(frozen=True)
class Bump:
    """A Gaussian hill (or hollow) on the face; `paired`: on both sides."""

    height: float
    x: float
    y: float
    sx: float
    sy: float
    turn: float = 0.0
    paired: bool = True


@dataclass(frozen=True)
class FaceShape:
    """The head as a surface: its outline, and how it rises towards the viewer."""

    outline: Curve  # y -> half width
    profile: Curve  # y -> height of the middle line
    bumps: tuple[Bump, ...]
    eyeball: tuple[float, float, float, float, float]  # x, y, rx, ry, height under the lids
    folds: float  # nasolabial folds, crow's feet, forehead lines at rest


@dataclass(frozen=True)
class Nose:
    """The nose, and the shadows around it."""

    bridge: Curve  # y -> height
    width: Curve  # y -> half width
    flat: float
    soft: float
    tip: tuple[float, float, float, float]  # height, y, sx, sy
    wing: Bump
    crease: Bump
    nostril: Bump
    hole: tuple[float, float, float, float, float]  # x, y, sx, sy, darkness


@dataclass(frozen=True)
class Eye:
    """One eye; the other is its mirror image."""

    x: float
    y: float
    z: float
    scale: float
    iris: float  # radius in the eye's own px
    drop: float  # of the upper lid
    lash: float
    liner: float
    crease: float


@dataclass(frozen=True)
class Lips:
    """The lips at rest."""

    y: float
    half_width: float
    upper: float  # thickness
    lower: float
    border: float  # how clearly the red ends
    lift: float  # of the corners with a smile


@dataclass(frozen=True)
class Brow:
    """One brow; the other is its mirror image, but for `asymmetry`."""

    x: float
    y: float
    spine: Curve
    thickness: Curve
    hairs: int
    length: tuple[float, float]
    softness: float
    asymmetry: float


@dataclass(frozen=True)
class Skin:
    """Colour and texture."""

    tone: Rgb
    blush: float
    freckles: int
    gloss: float
    relief: float  # depth of pores
    beard: float


@dataclass(frozen=True)
class Ears:
    """One ear; the other is its mirror image."""

    top: float
    bottom: float
    x: float
    width: float


@dataclass(frozen=True)
class Hair:
    """The cut, and how it takes the light."""

    cut: Literal["bob", "short"]
    gloss: float
    variation: float


@dataclass(frozen=True)
class Body:
    """Neck, shoulders and clothes."""

    neck: Curve  # y -> half width
    shoulder: Curve  # |x| -> y
    neckline: tuple[float, float, float]  # rx, ry, y of the centre
    garment: Literal["crew", "knit"]
    masculine: bool


@dataclass(frozen=True)
class Palette:
    """sRGB 0..255."""

    lip: Rgb
    iris: Rgb
    iris_inner: Rgb
    brow: Rgb
    lash: Rgb
    hair: Rgb
    hair_tip: Rgb
    hair_root: Rgb
    cloth: Rgb
    under: Rgb  # the shirt below
    beard: Rgb


@dataclass(frozen=True)
class Identity:
    """One person."""

    name: str
    face: FaceShape
    nose: Nose
    eye: Eye
    lips: Lips
    brow: Brow
    skin: Skin
    ears: Ears | None
    hair: Hair
    body: Body
    palette: Palette
    zoom: float  # size of the head in the frame
    rest: Pose
