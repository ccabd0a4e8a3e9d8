"""The mouth, drawn live: lips as a small lit surface; teeth, tongue and dark behind them. SkSL, run on the CPU."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import skia

from services.renderer.portrait.acting.pose import Pose
from services.renderer.portrait.drawing.mouth_shader import INSIDE, LIPS
from services.renderer.portrait.drawing.rig import Stance
from services.renderer.portrait.paint.colour import film, linear
from services.renderer.portrait.paint.light import Light
from services.renderer.portrait.person.identity import Identity, Lips

_CLOSED = 0.15
"""Half a gap that is no gap: the lips' line."""

_VISIBLE_GAP = 0.34


@dataclass(frozen=True, slots=True)
class MouthShape:
    """The mouth's outline, px around its middle: y down."""

    half_width: float
    corner: float  # y of the corners
    above: float  # gap over the middle line
    below: float
    upper: float  # thickness of the lips
    lower: float
    upper_teeth: float  # y of their edges
    lower_teeth: float
    tongue: float  # y of its top

    @property
    def gap(self) -> float:
        """Height of the opening in the middle, px."""
        return self.above + self.below

    @classmethod
    def of(cls, lips: Lips, p: Pose) -> "MouthShape":
        """The shape that these lips have in a pose."""
        open_ = 1 - min(1.0, max(0.0, p.seal))
        pucker = min(1.0, max(0.0, p.pucker))
        width = 1 + 0.15 * p.wide + 0.23 * p.smile - 0.40 * p.pucker - 0.06 * p.jaw - 0.03 * p.tuck
        above = 5.2 * p.upper + 2.4 * p.jaw * (1 - 0.7 * p.pucker) + 1.2 * p.smile * (p.upper + p.jaw)
        above += 3.6 * pucker * min(1.0, 1.8 * p.jaw)
        below = max(_CLOSED + 21.5 * p.jaw + 5.0 * p.lower - 1.8 * p.tuck, -2.5)
        above, below = _CLOSED + above * open_, _CLOSED + (below - _CLOSED) * open_
        upper = 1 + 0.16 * p.pucker - 0.14 * p.wide - 0.18 * p.smile - 0.5 * p.press - 0.12 * p.jaw - 0.10 * p.upper
        lower = 1 + 0.16 * p.pucker - 0.12 * p.wide - 0.12 * p.smile - 0.45 * p.press - 0.10 * p.jaw - 0.30 * p.tuck
        tongue = 1.5 + 0.60 * below - p.tongue * (0.55 * below + 0.5) + 2.5 * p.tongue_out
        tongue += (2.2 - tongue) * p.tongue_out
        return cls(
            half_width=lips.half_width * width,
            corner=-0.4 - lips.lift * p.smile + 3.2 * p.jaw * open_ + 0.4 * p.pucker,
            above=above,
            below=below,
            upper=lips.upper * upper,
            lower=lips.lower * lower,
            upper_teeth=3.6 - 3.4 * p.pucker - 5 * p.pucker * p.jaw,
            lower_teeth=2.4 + 20 * p.jaw,
            tongue=tongue,
        )


class Mouth:
    """Draws the mouth of an identity in a light."""

    _DEPTH, _SLOPE = 101.0, -0.12

    def __init__(self, who: Identity, light: Light) -> None:
        self._lips = who.lips
        key, ambient = np.array(light.key), np.array(light.ambient) + 0.7 * np.array(light.fill)
        shadow = film(linear(who.skin.tone) * np.array([0.20, 0.085, 0.062]))
        self._inside, self._outside = _builder(INSIDE), _builder(LIPS)
        for builder in (self._inside, self._outside):
            _set(builder, "key", key * 0.95)
            _set(builder, "amb", ambient)
            _set(builder, "lip", linear(who.palette.lip))
            _set(builder, "shadowc", shadow)

    def draw(self, canvas: skia.Canvas, pose: Pose, stance: Stance) -> None:
        """Lips, and teeth and tongue where the mouth is open, onto the canvas."""
        m = MouthShape.of(self._lips, pose)
        canvas.save()
        canvas.concat(stance.tangent(256, self._lips.y, self._DEPTH, 0, self._SLOPE))
        if m.gap > _VISIBLE_GAP:
            area = (-m.half_width, min(-m.above, m.corner) - 2, m.half_width, max(m.below, m.corner) + 3)
            self._fill(canvas, self._inside, area, m, pose)
        left = -m.half_width - 6
        area = (left, min(-m.above - m.upper - 4, m.corner - 5), -left, m.below + m.lower + 9.5)
        self._fill(canvas, self._outside, area, m, pose)
        canvas.restore()

    def _fill(
        self,
        canvas: skia.Canvas,
        builder: skia.RuntimeShaderBuilder,
        area: tuple[float, float, float, float],
        m: MouthShape,
        p: Pose,
    ) -> None:
        border = self._lips.border
        _set(builder, "A", [m.half_width, m.corner, m.above, m.below])
        _set(builder, "B", [m.upper, m.lower, m.upper_teeth, m.lower_teeth])
        _set(builder, "C", [m.tongue, p.tongue_out, p.smile, min(1.0, m.gap / 9)])
        raised = max(0.0, min(1.0, p.tongue * 1.4 - 0.4))
        _set(builder, "D", [border, 1.9 - 0.9 * border, raised, 0.35 + 0.65 * border])
        canvas.drawRect(skia.Rect.MakeLTRB(*area), skia.Paint(Shader=builder.makeShader()))


def _builder(source: str) -> skia.RuntimeShaderBuilder:
    return skia.RuntimeShaderBuilder(skia.RuntimeEffect.MakeForShader(source))


def _set(
    builder: skia.RuntimeShaderBuilder,
    name: str,
    values: Iterable[float],
) -> None:
    builder.setUniform(name, [float(v) for v in values])
