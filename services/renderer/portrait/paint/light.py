"""The light: a height field's normals, shadows and occlusion, and how skin and cloth answer to it."""

from dataclasses import dataclass

import cv2
import numpy as np

from services.renderer.portrait.paint.colour import Rgb
from services.renderer.portrait.paint.curves import Field, smoothstep, unit
from services.renderer.portrait.paint.raster import SCALE, blur


@dataclass(frozen=True)
class Light:
    """Linear radiance of each source."""

    key: Rgb
    fill: Rgb
    ambient: Rgb
    bounce: Rgb  # from the clothes and the table
    rim: Rgb  # warm, behind on the viewer's right
    rim_left: Rgb


def _direction(x: float, y: float, z: float) -> Field:
    return unit(np.array([x, y, z], np.float32))


# x to the right, y down, z towards the viewer
KEY = _direction(-0.56, -0.50, 0.66)  # a soft box, upper left
HALFWAY = unit(KEY + np.array([0, 0, 1], np.float32))
FILL = _direction(0.75, -0.05, 0.65)
RIM = _direction(0.80, -0.16, -0.58)
RIM_LEFT = _direction(-0.88, -0.30, -0.41)


def normals(height: Field) -> Field:
    """(h, w) heights in frame px -> (h, w, 3) unit normals."""
    zx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3) * (SCALE / 8)
    zy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3) * (SCALE / 8)
    length = 1 / np.sqrt(zx * zx + zy * zy + 1)
    return np.dstack([-zx * length, -zy * length, length])


def cast_shadow(
    height: Field, reach: int = 44, step: float = 1.6, softness: float = 0.42, depth: float = 0.42
) -> Field:
    """1 in the key light, down to 1 - depth in the height field's own soft shadow."""
    small = cv2.resize(height, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    h, w = small.shape
    scale = SCALE / 2
    covered = np.zeros_like(small)
    for i in range(1, reach):
        t = i * step
        matrix = np.array([[1, 0, KEY[0] * t * scale], [0, 1, KEY[1] * t * scale]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(small, matrix, (w, h), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=(-50.0,))
        np.maximum(covered, (seen - (small + KEY[2] * t)) / (t * softness + 1.5), out=covered)
    shade = 1 - depth * np.clip(covered, 0, 1)
    return np.asarray(cv2.resize(shade, height.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def occlusion(
    height: Field, scales: tuple[float, ...] = (3, 8, 18), gains: tuple[float, ...] = (0.16, 0.07, 0.028)
) -> Field:
    """How open a point is to the light from all around: 1 on a plane, less in hollows."""
    openness = np.ones_like(height)
    for sigma, gain in zip(scales, gains, strict=True):
        openness *= np.clip(1 - gain * (blur(height, sigma) - height), 0.25, 1.12)
    return openness


@dataclass(frozen=True)
class Surface:
    """What is lit. `normal` has the fine relief, `albedo` is linear, `scatter` 0 (cloth) .. 1 (skin)."""

    normal: Field
    albedo: Field
    openness: Field
    shadow: Field
    gloss: Field | float = 0.3
    scatter: float = 1.0
    mask: Field | None = None  # light must not bleed in from outside of it


def shade(surface: Surface, light: Light) -> Field:
    """(h, w, 3) linear radiance.

    Light that enters skin comes out some way off, red furthest: each channel sees its own wrap, its own blur of the
    relief and of the shadow's edge, so terminators redden and pores soften.
    """
    n, scatter = surface.normal, surface.scatter
    channels = []
    for wrap, shadow_blur, bleed in ((0.42, 3.2, 2.3), (0.27, 1.8, 1.0), (0.22, 1.3, 0.6)):
        facing = n @ KEY
        wrap *= scatter
        lit = np.clip((facing + wrap) / (1 + wrap), 0, 1) ** 1.2 * blur(surface.shadow, shadow_blur * scatter)
        if surface.mask is None:
            channels.append(blur(lit, bleed * scatter))
        else:
            inside = blur(surface.mask, bleed * scatter)
            channels.append(blur(lit * surface.mask, bleed * scatter) / np.maximum(inside, 0.02))
    direct = np.dstack(channels)
    ny, nz = n[..., 1], n[..., 2]
    openness = np.dstack([surface.openness**0.75, surface.openness, surface.openness**1.08])
    from_fill = (np.clip((n @ FILL) * 0.5 + 0.5, 0, 1) ** 2)[..., None] * np.array(light.fill, np.float32)
    from_above = (0.6 - 0.4 * np.clip(ny, -1, 1))[..., None] * np.array(light.ambient, np.float32)
    from_below = np.clip(ny * 0.6 + 0.35 * nz, 0, 1)[..., None] * np.array(light.bounce, np.float32)
    behind = np.clip(n @ RIM, 0, 1) ** 1.6
    total = direct * np.array(light.key, np.float32) + (from_fill + from_above + from_below) * openness
    total += behind[..., None] * np.array(light.rim, np.float32)
    total += np.clip(n @ RIM_LEFT, 0, 1)[..., None] * np.array(light.rim_left, np.float32)
    towards = np.clip(n @ HALFWAY, 0, 1)
    sheen = surface.gloss * (0.15 * towards**10 + 0.36 * towards**42) * np.clip(surface.shadow, 0, 1)
    grazing = (1 - np.clip(nz, 0, 1)) ** 4 * 0.25
    out = surface.albedo * total + sheen[..., None] * np.array(light.key, np.float32) * 0.55
    out += (grazing * behind)[..., None] * np.array(light.rim, np.float32)
    luma = (out @ np.array([0.3, 0.6, 0.1], np.float32))[..., None]  # deep shadows lose some red
    keep = 0.88 + 0.12 * smoothstep(0, 0.12, luma)
    return np.asarray(luma * (1 - keep) + out * keep, np.float32)
