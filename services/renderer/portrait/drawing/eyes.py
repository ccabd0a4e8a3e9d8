"""Eyes and brows, drawn live."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import skia

from services.renderer.portrait.acting.pose import Pose
from services.renderer.portrait.drawing.rig import Stance
from services.renderer.portrait.layers.features import BROW_FIELD, BROW_ORIGIN
from services.renderer.portrait.paint.colour import film, linear
from services.renderer.portrait.paint.light import Light
from services.renderer.portrait.person.identity import Identity

Point = tuple[float, float]

SMOOTH = skia.SamplingOptions(skia.FilterMode.kLinear)

_INNER, _OUTER = (-22.3, 4.2), (23.3, -1.6)
"""The corners of an eye in its own px: x grows outwards on both sides."""

_SHUT = ((-17, 6.6), (-9, 8.4), (0, 8.6), (10, 8.5), (18.5, 4.2))
_NEARLY_SHUT = 0.985


@dataclass(frozen=True)
class EyePaths:
    """One eye's lines for one state of its lids."""

    lower: skia.Path
    opening: skia.Path
    fold: skia.Path
    crease: skia.Path
    lashes: skia.Path
    tips: skia.Path
    rim: skia.Path
    top: float


@lru_cache(8192)
def eye_paths(
    sign: int,
    blink: float,
    squint: float,
    gaze: float,
    brow: float,
    drop: float,
    lash: float,
    liner: float,
    crease: float,
) -> EyePaths:
    """Lids, crease and lashes; arguments come rounded, so that most frames find theirs in the cache."""
    opened, lid = 1 - blink, gaze * 0.45 - 1.2 * brow + drop

    def f(p: Point) -> Point:
        return (p[0] * sign, p[1])

    up = ((-17.5, -2.6), (-11.5, -10.4 + lid), (-1, -11 + lid), (9, -11.6 + lid), (18, -8.8 + lid * 0.6))
    upper = [
        (a[0] * opened + c[0] * blink, (a[1] + squint * 1.1) * opened + c[1] * blink)
        for a, c in zip(up, _SHUT, strict=True)
    ]
    low_at = ((19, 4.6), (10.5, 9.3), (1, 9.4), (-8, 9.4), (-15.5, 7.4))
    low = [(x, y - squint * 3.4 - blink + gaze * 0.15) for x, y in low_at]
    lower = _curve([f(_OUTER), *map(f, low), f(_INNER)])
    opening = skia.Path(lower)
    opening.cubicTo(*f(upper[0]), *f(upper[1]), *f(upper[2]))
    opening.cubicTo(*f(upper[3]), *f(upper[4]), *f(_OUTER))
    rim = _curve([f(_INNER), f(upper[0]), f(upper[1]), f(upper[2]), f(upper[3]), f(upper[4]), f(_OUTER)])
    fold = _curve([f(p) for p in ((-15, 11.5), (-6, 15), (8, 15.5), (19, 10))])

    def between(shut: float, wide: float) -> float:
        return shut + (wide - shut) * opened

    ridge = (
        (-19.5, between(-6, -2.2) + crease * 0.3),
        (-13, between(-13, -11 + lid * 0.5) + crease * 0.6),
        (-5, between(-16.5, -16.4 + lid * 0.5) + crease),
        (2, between(-16, -16.6 + lid * 0.5) + crease),
        (12, between(-15.5, -16.8 + lid * 0.5) + crease),
        (20, -11.5 + crease),
        (25, -6 + crease * 0.6),
    )
    line = [_cubic(_INNER, upper[0], upper[1], upper[2], i / 6) for i in range(6)]
    line += [_cubic(upper[2], upper[3], upper[4], _OUTER, i / 6) for i in range(7)]
    return EyePaths(
        lower=lower,
        opening=opening,
        fold=fold,
        crease=_curve([f(p) for p in ridge]),
        lashes=_lash_line(line, sign, blink, lash, liner),
        tips=_lash_tips(line, sign, opened, blink, lash),
        rim=rim,
        top=upper[2][1],
    )


def _curve(points: list[Point]) -> skia.Path:
    """Cubics through every third point."""
    path = skia.Path()
    path.moveTo(*points[0])
    for i in range(1, len(points), 3):
        path.cubicTo(*points[i], *points[i + 1], *points[i + 2])
    return path


def _cubic(a: Point, b: Point, c: Point, d: Point, t: float) -> Point:
    m = 1 - t
    k = (m * m * m, 3 * m * m * t, 3 * m * t * t, t * t * t)
    return (
        k[0] * a[0] + k[1] * b[0] + k[2] * c[0] + k[3] * d[0],
        k[0] * a[1] + k[1] * b[1] + k[2] * c[1] + k[3] * d[1],
    )


def _lash_line(line: list[Point], sign: int, blink: float, lash: float, liner: float) -> skia.Path:
    """The dark edge of the upper lid: thin inside, thicker outside, with a small flick."""
    inner = [line[0], *((x, y + 0.55) for x, y in line[1:])]
    flick = (_OUTER[0] + 3.2 * lash, _OUTER[1] + (-2.2 + 2.5 * blink) * lash)
    outer = [(line[i][0], line[i][1] - liner * (0.6 + 1.7 * (i / 13) ** 0.7)) for i in range(12, 0, -1)]
    return skia.Path.Polygon([(x * sign, y) for x, y in [*inner, flick, *outer]], True)


def _lash_tips(line: list[Point], sign: int, opened: float, blink: float, lash: float) -> skia.Path:
    tips = skia.Path()
    for i in range(11):
        t = 0.30 + 0.70 * i / 10
        j = min(11, int(t * 12))
        g = t * 12 - j
        x = line[j][0] * (1 - g) + line[j + 1][0] * g
        y = line[j][1] * (1 - g) + line[j + 1][1] * g
        length = lash * (0.5 + 6.4 * t**1.6) * (1 + 0.18 * ((i * 7) % 3 - 1))
        angle = -1.70 + 1.25 * t
        c, s = length * math.cos(angle), length * math.sin(angle)
        mx, my = x + 0.5 * c + 0.9 * t, y + 0.25 * s * opened + blink * length * 0.55
        tips.moveTo((x - 0.8) * sign, y)
        tips.quadTo(mx * sign, my, (x + c) * sign, y + s * opened + blink * length * 0.62)
        tips.quadTo((mx + 0.5) * sign, my + 0.5, (x + 0.8) * sign, y)
        tips.close()
    return tips


def _rgba(colour: object, alpha: float = 1.0) -> int:
    """0..255 sRGB and 0..1 -> skia's colour."""
    r, g, b = (int(max(0.0, min(255.0, float(c)))) for c in np.asarray(colour))
    return int(skia.Color(r, g, b, int(max(0.0, min(1.0, alpha)) * 255)))


def _image(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> skia.Image:
    return skia.Image.fromarray(
        pixels, colorType=skia.kBGRA_8888_ColorType, alphaType=skia.kPremul_AlphaType, copy=True
    )


class Eyes:
    """Draws the eyes and brows of an identity in a light."""

    def __init__(
        self,
        who: Identity,
        light: Light,
        brow: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
        iris: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    ) -> None:
        self._eye, self._brow = who.eye, who.brow
        self._brow_picture, self._iris = _image(brow), _image(iris)
        key, ambient, tone = np.array(light.key), np.array(light.ambient), linear(who.skin.tone)
        white = linear((236, 228, 223))
        self._white = [_rgba(film(white * (key * k + ambient)) * 255) for k in (0.74, 0.38, 0.12)]
        self._wet = film(tone * np.array([1.2, 0.75, 0.68]) * key) * 255
        self._duct = film(tone * np.array([0.62, 0.36, 0.34]) * key) * 255
        self._lash = film(linear(who.palette.lash) * 0.5) * 255
        self._shade = film(tone * np.array([0.20, 0.085, 0.062]))
        self._soft = skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 1.6)

    def draw(self, canvas: skia.Canvas, pose: Pose, stance: Stance) -> None:
        """Both eyes and brows onto the canvas."""
        for sign in (-1, 1):
            self._draw_eye(canvas, pose, stance, sign)
            self._draw_brow(canvas, pose, stance, sign)

    def _draw_eye(self, canvas: skia.Canvas, pose: Pose, stance: Stance, sign: int) -> None:
        eye = self._eye
        blink = min(1.0, max(0.0, pose.blink_left if sign < 0 else pose.blink_right))
        squint = min(1.0, max(0.0, pose.squint + 0.65 * pose.smile)) * (1 - blink)
        gaze_x, gaze_y = pose.gaze_x * 6.5, pose.gaze_y * 4.2
        paths = eye_paths(
            sign, round(blink, 2), round(squint, 2), round(gaze_y, 1), round(pose.brow * 20) / 20,
            eye.drop, eye.lash, eye.liner, eye.crease,
        )  # fmt: skip
        canvas.save()
        canvas.concat(stance.tangent(256 + sign * eye.x, eye.y, eye.z, -0.32 * sign, 0.0))
        canvas.scale(eye.scale, eye.scale)
        if blink < _NEARLY_SHUT:
            self._draw_ball(canvas, paths, sign, gaze_x, gaze_y, abs(pose.gaze_x))
            if squint > 0.04:
                self._line(canvas, paths.fold, 2.4, _rgba(self._shade * 255, 0.32 * (squint - 0.04)), self._soft)
        for width, strength in ((3.6, 0.14), (2.3, 0.20), (1.1, 0.30)):  # a soft line without the price of a blur
            self._line(canvas, paths.crease, width, _rgba(self._shade * 170, strength * (1 - 0.62 * blink)))
        if blink > 0.3:  # a closing lid shades what is below it
            self._line(canvas, paths.rim, 4.0, _rgba(self._shade * 200, 0.30 * (blink - 0.3)), self._soft)
            self._line(canvas, paths.rim, 1.5, _rgba(self._lash, 0.5 * (blink - 0.3)))
        for path in (paths.lashes, paths.tips):
            canvas.drawPath(path, skia.Paint(AntiAlias=True, Color=_rgba(self._lash, 0.88)))
        canvas.restore()

    def _draw_ball(
        self, canvas: skia.Canvas, paths: EyePaths, sign: int, gaze_x: float, gaze_y: float, turned: float
    ) -> None:
        canvas.save()
        canvas.clipPath(paths.opening, True)
        box = skia.Rect.MakeLTRB(-26, -16, 26, 13)
        ball = skia.GradientShader.MakeRadial((-4 + gaze_x * 0.3, 1.5), 24, self._white, [0.20, 0.68, 1.0])
        canvas.drawRect(box, skia.Paint(Shader=ball))
        canvas.drawCircle(-21 * sign, 4.4, 4.2, skia.Paint(AntiAlias=True, Color=_rgba(self._duct, 0.85)))
        at_x, at_y, radius = -0.6 * sign + gaze_x, -0.6 + gaze_y, self._eye.iris
        wide = radius * (1 - 0.06 * turned)
        iris = skia.Rect.MakeLTRB(at_x - wide, at_y - radius, at_x + wide, at_y + radius)
        canvas.drawImageRect(self._iris, iris, SMOOTH)
        shade = skia.GradientShader.MakeLinear(
            [(0, paths.top - 1), (1.5, paths.top + 12)],
            [_rgba((18, 8, 8), 0.82), _rgba((30, 12, 10), 0.32), _rgba((40, 18, 14), 0)],
            [0, 0.42, 1.0],
        )
        canvas.drawRect(box, skia.Paint(Shader=shade))
        light_x, light_y = -0.6 * sign + gaze_x * 0.8, -0.6 + gaze_y * 0.8
        window = skia.Rect.MakeXYWH(light_x - 6.2, light_y - 6.4, 4.9, 5.2)
        canvas.drawRoundRect(window, 2.4, 2.4, skia.Paint(AntiAlias=True, Color=_rgba((255, 251, 244), 0.92)))
        canvas.drawCircle(
            light_x + 4.4, light_y + 4.6, 1.4, skia.Paint(AntiAlias=True, Color=_rgba((255, 236, 214), 0.42))
        )
        self._line(canvas, paths.lower, 2.6, _rgba(self._wet, 0.55))  # the lid's wet edge
        canvas.restore()
        self._line(canvas, paths.lower, 0.9, _rgba(self._lash, 0.26))

    def _draw_brow(self, canvas: skia.Canvas, pose: Pose, stance: Stance, sign: int) -> None:
        brow = self._brow
        blink = pose.blink_left if sign < 0 else pose.blink_right
        y = brow.y - sign * brow.asymmetry * 0.5 - 6.5 * pose.brow + 2.5 * pose.furrow + min(1.0, blink)
        canvas.save()
        canvas.concat(stance.tangent(256 + sign * brow.x, y, 92, -0.22 * sign, 0.1))
        canvas.scale(sign, 1)
        canvas.rotate(-9 * pose.furrow + 2 * pose.brow + 7 * pose.brow_tilt)
        width, height = BROW_FIELD
        box = skia.Rect.MakeXYWH(-BROW_ORIGIN[0] - 4 * pose.furrow, -BROW_ORIGIN[1], width, height)
        canvas.drawImageRect(self._brow_picture, box, SMOOTH)
        canvas.restore()

    @staticmethod
    def _line(
        canvas: skia.Canvas, path: skia.Path, width: float, colour: int, soft: skia.MaskFilter | None = None
    ) -> None:
        paint = skia.Paint(
            AntiAlias=True,
            Style=skia.Paint.kStroke_Style,
            StrokeWidth=width,
            StrokeCap=skia.Paint.kRound_Cap,
            Color=colour,
            MaskFilter=soft,
        )
        canvas.drawPath(path, paint)
