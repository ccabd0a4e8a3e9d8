"""Skin: colour in layers, pores, stubble, and its light. Baked without a smile and with one."""

import numpy as np

from services.renderer.portrait.layers.beard import beard_cover
from services.renderer.portrait.layers.ears import paint_ears
from services.renderer.portrait.layers.head import Sculpture, sculpt
from services.renderer.portrait.paint.colour import film, linear
from services.renderer.portrait.paint.curves import Field, bump, smoothstep
from services.renderer.portrait.paint.light import Light, Surface, cast_shadow, normals, occlusion, shade
from services.renderer.portrait.paint.raster import SCALE, blur, groove, noise
from services.renderer.portrait.person.identity import Identity


def paint_skin(who: Identity, light: Light, smile: float) -> tuple[Field, Field]:
    """-> premultiplied BGRA float layer over `HEAD_BOX` (no lips, no eyes: those are drawn live), height."""
    head = sculpt(who, smile)
    x, y, z = head.x, head.y, head.height
    rng = np.random.default_rng(3)
    albedo, pores = _colour(who, head, smile, rng)
    relief = blur(z, 0.5) + pores * who.skin.relief
    gloss = who.skin.gloss * _oil(who, head) * np.clip(1 + 1.6 * pores, 0.4, 1.8)
    if who.skin.beard:
        cover, density = beard_cover(who, x, y)
        root, amount = linear(who.palette.beard), who.skin.beard
        albedo *= 1 - amount * density[..., None] * np.array([0.46, 0.40, 0.32])
        albedo += (root - albedo) * (amount * 0.70 * cover)[..., None]
        relief = relief + cover * 0.20 * amount
        gloss = gloss * (1 - 0.9 * amount * blur(density, 1))
    shadow = 1 - (1 - cast_shadow(z, depth=0.30)) * (1 - smoothstep(300, 322, y))  # on the chin it reads as dirt
    mask = (head.inside > 0.8).astype(np.float32)
    lit = shade(Surface(normals(relief.astype(np.float32)), albedo, occlusion(z), shadow, gloss, mask=mask), light)
    lit = _painted_depth(who, head, lit, albedo, normals(z))
    alpha = np.clip(head.inside * SCALE * 0.8 + 0.5, 0, 1)
    colour = film(lit)
    if who.ears:
        ears, ears_alpha = paint_ears(who, light, x, y)
        colour = colour * alpha[..., None] + film(ears) * (ears_alpha * (1 - alpha))[..., None]
        alpha = alpha + ears_alpha * (1 - alpha)
    else:
        colour = colour * alpha[..., None]
    return np.dstack([colour[..., ::-1], alpha]).astype(np.float32), z


def _colour(who: Identity, head: Sculpture, smile: float, rng: np.random.Generator) -> tuple[Field, Field]:
    """-> albedo and the pores' relief, px."""
    x, y, side, skin, eye = head.x, head.y, head.side, who.skin, who.eye
    tip_y, mouth_y, shape = who.nose.tip[1], who.lips.y, head.x.shape
    albedo = np.broadcast_to(linear(skin.tone), (*shape, 3)).astype(np.float32)
    # blood close below the surface: cheeks, nose, chin, ears' side; sallow forehead and around the mouth
    red = (0.62 + 0.2 * smile) * bump(side, y, eye.x + 11, eye.y + 44, 20, 15)
    red += 0.62 * bump(x, y, 0, tip_y + 3, 14, 9) + 0.30 * bump(x, y, 0, mouth_y + 38, 16, 9)
    red += 0.28 * bump(side, y, eye.x - 2, eye.y + 8, 20, 8) + 0.18 * bump(x, y, 0, 128, 40, 12)
    red += 0.18 * noise(rng, shape, 7) * bump(side, y, eye.x + 6, eye.y + 46, 26, 26)
    albedo *= 1 + red[..., None] * np.array([0.03, -0.21, -0.17]) * skin.blush
    sallow = 0.5 * bump(x, y, 0, 155, 60, 26) + 0.35 * bump(x, y, 0, mouth_y, 40, 20)
    albedo *= 1 + sallow[..., None] * np.array([0.01, 0.012, -0.045])
    lids = 0.52 * bump(side, y, eye.x + 1, eye.y - 11 * eye.scale + 2, 18 * eye.scale, 6 * eye.scale)
    hollow = 0.34 * bump(side, y, eye.x - 11, eye.y + 15, 15, 5.0)
    albedo *= 1 + (lids + hollow)[..., None] * np.array([-0.16, -0.30, -0.22])
    # mottling: broad, fine, and a little yellow against red
    albedo *= 1 + 0.020 * noise(rng, shape, 6)[..., None] * np.array([0.5, 1.2, 1.1])
    albedo *= 1 + 0.022 * noise(rng, shape, 1.6)[..., None] * np.array([0.5, 1.1, 1.2])
    albedo *= 1 + 0.010 * noise(rng, shape, 14)[..., None] * np.array([-0.3, 0.4, 1.0])
    for _ in range(skin.freckles):
        fx, size = rng.normal(0, 36), rng.uniform(0.45, 1.0)
        fy = 248 + rng.normal(0, 9) + abs(fx) * 0.06
        strength = rng.uniform(0.05, 0.17)
        _spot(albedo, head, fx, fy, size, strength)
    for fx, fy, size, strength in ((33, 262, 1.0, 0.34), (-58, 240, 0.8, 0.26), (22, 158, 0.8, 0.2)):  # moles
        _spot(albedo, head, fx, fy, size, strength)
    fine, coarse = noise(rng, shape, 0.55), noise(rng, shape, 1.3)
    pit = np.clip(noise(rng, shape, 0.75) - 0.9, 0, 2)  # pores are pits, not waves
    where = (
        0.45
        + 0.9 * bump(x, y, 0, 262, 30, 22)
        + 0.8 * bump(side, y, 40, 256, 24, 18)
        + 0.5 * bump(x, y, 0, 150, 55, 28)
    )
    pores = (0.020 * fine + 0.034 * coarse - 0.070 * pit) * where
    albedo *= 1 - (0.05 * pit * where)[..., None] * np.array([0.5, 1.0, 1.0])
    return albedo, pores.astype(np.float32)


def _spot(albedo: Field, head: Sculpture, cx: float, cy: float, size: float, strength: float) -> None:
    """Darken a freckle in place."""
    row = round((cy - float(head.y[0, 0])) * SCALE)
    column = round((cx - float(head.x[0, 0])) * SCALE)
    part = np.s_[max(0, row - 8) : row + 9, max(0, column - 8) : column + 9]
    spot = strength * np.exp(-((head.x[part] - cx) ** 2 + (head.y[part] - cy) ** 2) / (2 * size * size))
    albedo[part] *= 1 - spot[..., None] * np.array([0.5, 1.0, 1.2])


def _oil(who: Identity, head: Sculpture) -> Field:
    """Where skin shines: forehead, nose, cheek bones, the lids; dull elsewhere."""
    x, y, side = head.x, head.y, head.side
    shine = 0.45 + 0.55 * bump(x, y, 0, 150, 48, 22) + 0.35 * bump(x, y, 0, 252, 12, 24)
    shine += 0.45 * bump(side, y, 58, 240, 20, 14, -0.35) + 0.35 * bump(side, y, who.eye.x, who.eye.y - 12, 18, 5)
    return shine


def _painted_depth(who: Identity, head: Sculpture, lit: Field, albedo: Field, smooth: Field) -> Field:
    """What a height field cannot hold: nostrils, creases, the reflector under the chin, the key's falling off."""
    x, y, side = head.x, head.y, head.side
    chin = who.face.outline[0][-1]
    card = smoothstep(0.25, 0.9, smooth[..., 1]) * smoothstep(chin - 40, chin - 12, y)
    lit += albedo * card[..., None] * np.array([0.10, 0.092, 0.088])
    below_nose = smoothstep(0.2, 0.85, smooth[..., 1]) * bump(x, y, 0, who.nose.wing.y + 5, 18, 8)
    lit += albedo * below_nose[..., None] * np.array([0.13, 0.115, 0.105])
    hx, hy, sx, sy, dark = who.nose.hole
    hole = dark * np.exp(-(((side - hx) / sx) ** 2) - ((y - hy - 0.06 * (side - hx)) / sy) ** 2)
    lit *= 1 - hole[..., None] * np.array([0.85, 1.0, 1.0])
    wx, wy = who.nose.wing.x, who.nose.wing.y
    strength = 1.0 if who.body.masculine else 0.55
    crease = groove(side, y, [(wx + 2, wy - 9), (wx + 6.3, wy - 4), (wx + 6.2, wy + 3), (wx + 1, wy + 7.5)], 1.5)
    planes = 0.32 * crease + 0.10 * bump(x, y, 0, wy + 9.5, 13, 3) + 0.06 * bump(side, y, 11.5, wy - 26, 3.6, 18)
    # the eye lies in its socket: soft dark at the inner corner and under the brow
    eye = who.eye
    planes += 0.16 * bump(side, y, eye.x - 22 * eye.scale, eye.y + 1, 6, 7) + 0.10 * bump(
        side, y, eye.x, eye.y - 15, 22, 6
    )
    lit *= 1 - (planes * strength)[..., None] * np.array([0.8, 1.05, 1.1])
    away = smoothstep(-60, 150, x * 0.8 + (y - 230) * 0.6)
    return np.asarray(lit * (1 - away[..., None] * np.array([0.16, 0.18, 0.18])))
