"""Ears: helix, scapha, antihelix, concha and lobe from the distance to the outline; light glows through them."""

import cv2
import numpy as np

from services.renderer.portrait.paint.colour import linear
from services.renderer.portrait.paint.curves import Field, bump, smoothstep, spline
from services.renderer.portrait.paint.light import Light, Surface, cast_shadow, normals, occlusion, shade
from services.renderer.portrait.paint.raster import SCALE, blur
from services.renderer.portrait.person.identity import Identity

_RIM = (
    (0, 0.03, 0.1, 0.22, 0.38, 0.55, 0.72, 0.86, 0.95, 1.0),
    (0.0, 0.42, 0.74, 0.96, 1.0, 0.86, 0.58, 0.36, 0.22, -0.1),
)
"""Height on the ear -> how far it stands out."""


def paint_ears(who: Identity, light: Light, x: Field, y: Field) -> tuple[Field, Field]:
    """-> linear colour, alpha."""
    ears = who.ears
    if ears is None:
        return np.zeros((*x.shape, 3), np.float32), np.zeros_like(x)
    side, top, height, root = np.abs(x), ears.top, ears.bottom - ears.top, ears.x
    t = np.clip((y - top) / height, 0, 1)
    edge = root + ears.width * spline(*_RIM, t[:, 0])[:, None]
    shape = (side < edge) & (y > top) & (y < ears.bottom) & (side > root - 16)
    depth = cv2.distanceTransform((shape * 255).astype(np.uint8), cv2.DIST_L2, 5) / SCALE
    lobe = smoothstep(0.72, 0.86, t)
    z = 5.0 * (1 - np.exp(-depth / 1.5)) + 2.6 * np.exp(-(((depth - 2.4) / 1.7) ** 2)) * (1 - lobe)
    z -= 2.4 * np.exp(-(((depth - 5.4) / 1.5) ** 2)) * (1 - lobe) * smoothstep(0.06, 0.16, t)
    z += 2.2 * np.exp(-(((depth - 8.4) / 1.7) ** 2)) * smoothstep(0.2, 0.35, t) * (1 - smoothstep(0.6, 0.72, t))
    z -= 6.5 * bump(side, y, root + 5.5, top + 0.54 * height, 4.2, 0.15 * height)
    z -= 4.5 * bump(side, y, root - 1.5, top + 0.57 * height, 2.6, 5) + 3.4 * bump(
        side, y, root + 2.5, top + 0.86 * height, 5, 6
    )
    z = (blur(z.astype(np.float32), 0.7) + (108 - side) * 0.25).astype(np.float32)
    mask = shape.astype(np.float32)
    albedo = np.broadcast_to(linear(who.skin.tone) * np.array([1.0, 0.80, 0.80], np.float32), (*x.shape, 3))
    openness = occlusion(z, (1.2, 3, 7), (0.22, 0.10, 0.04)) * (0.62 + 0.38 * smoothstep(root - 2, root + 9, side))
    lit = shade(Surface(normals(z), albedo, openness, cast_shadow(z, 12), 0.4, 0.7, mask), light)
    far = smoothstep(-20, 40, x)[..., None]
    through = (np.exp(-depth / 3.2) * mask)[..., None] * np.array(light.rim) * np.array([0.16, 0.035, 0.018])
    lit = lit * (1 - 0.42 * far) + far * through
    dark = 0.62 * bump(side, y, root + 5.2, top + 0.56 * height, 3.6, 0.12 * height)
    dark += 0.42 * np.exp(-(((depth - 5.2) / 1.1) ** 2)) * smoothstep(0.08, 0.2, t) * (1 - lobe)
    dark += 0.25 * bump(side, y, root, top + 0.9 * height, 3, 6)
    lit = lit * (1 - np.clip(dark, 0, 0.8)[..., None] * np.array([0.82, 1.0, 1.0]))
    return lit, blur(mask, 0.28)
