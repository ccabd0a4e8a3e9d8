"""The face: draws a pose from baked layers and live features, in a few milliseconds."""

import cv2
import numpy as np
import skia

from services.renderer.engine import Frame
from services.renderer.portrait.acting.pose import Pose
from services.renderer.portrait.drawing.eyes import Eyes
from services.renderer.portrait.drawing.mouth import Mouth
from services.renderer.portrait.drawing.rig import BentLayer, Stance
from services.renderer.portrait.layers.baking import BODY_SLACK, HAIR_DENSITY, SKIN_DENSITY, Layers
from services.renderer.portrait.layers.body import BODY_TOP
from services.renderer.portrait.layers.hair import BACK_BOX, FRONT_BOX
from services.renderer.portrait.paint.raster import HEAD_BOX, SIZE, Pixels
from services.renderer.portrait.person.identity import Identity
from services.renderer.portrait.person.styles import Style

_SMILE_STEPS = 48
_CHEST_RISE = 1.8  # px


class Face:
    """One face on one canvas. Layers are only read, so that many faces can share them."""

    def __init__(self, who: Identity, style: Style, layers: Layers) -> None:
        self._who, self._layers = who, layers
        self._skin_layer = BentLayer(HEAD_BOX, SKIN_DENSITY, layers.face_table, muscles=True)
        self._hair_layer = BentLayer(FRONT_BOX[who.hair.cut], HAIR_DENSITY, layers.hair_table, muscles=False)
        self._skin = layers.skin.copy()
        changed = np.nonzero((layers.skin != layers.skin_smiling).any((1, 2)))[0]
        self._smiling_rows = slice(int(changed[0]), int(changed[-1]) + 1) if len(changed) else slice(0, 0)
        self._smile = 0
        self._mouth = Mouth(who, style.light)
        self._eyes = Eyes(who, style.light, layers.brow, layers.iris)
        self._canvas_pixels: Pixels = np.zeros((SIZE, SIZE, 4), np.uint8)
        info = skia.ImageInfo.Make(SIZE, SIZE, skia.kBGRA_8888_ColorType, skia.kPremul_AlphaType)
        self._surface = skia.Surface.MakeRasterDirect(info, self._canvas_pixels)
        self._canvas = self._surface.getCanvas()
        self._body: Pixels = np.zeros((SIZE - BODY_TOP, SIZE, 4), np.uint8)
        self._back: Pixels = np.zeros((BACK_BOX[3] - BACK_BOX[1], BACK_BOX[2] - BACK_BOX[0], 4), np.uint8)
        self._frame: Frame = np.zeros((SIZE, SIZE, 3), np.uint8)

    def draw(self, pose: Pose) -> Frame:
        """-> 512×512 BGR; the array is reused by the next call."""
        stance = Stance(pose, self._who.zoom)
        np.copyto(self._canvas_pixels, self._layers.room)
        self._draw_back(stance)
        self._draw_body(pose)
        self._lay(self._skin_layer.bend(self._skin_for(pose.smile), pose, stance), HEAD_BOX[0], HEAD_BOX[1])
        self._mouth.draw(self._canvas, pose, stance)
        self._eyes.draw(self._canvas, pose, stance)
        hair = self._hair_layer
        self._lay(hair.bend(self._layers.hair, pose, stance), hair.box[0], hair.box[1])
        cv2.cvtColor(self._canvas_pixels, cv2.COLOR_BGRA2BGR, dst=self._frame)
        return self._frame

    def _lay(self, pixels: Pixels, x: int, y: int) -> None:
        picture = skia.Image.fromarray(
            pixels, colorType=skia.kBGRA_8888_ColorType, alphaType=skia.kPremul_AlphaType, copy=False
        )
        self._canvas.drawImage(picture, x, y)

    def _skin_for(self, smile: float) -> Pixels:
        """The skin's texture: the serious and the smiling one, mixed anew only when the smile has changed."""
        steps = round(max(0.0, min(1.0, smile)) * _SMILE_STEPS)
        if steps != self._smile:
            self._smile, rows, k = steps, self._smiling_rows, steps / _SMILE_STEPS
            serious, smiling = self._layers.skin[rows], self._layers.skin_smiling[rows]
            cv2.addWeighted(serious, 1 - k, smiling, k, 0, dst=self._skin[rows])
        return self._skin

    def _draw_back(self, stance: Stance) -> None:
        """Hair behind the neck: far from the pivot's depth, so it moves against the face when the head turns."""
        if not self._layers.hair_back.size:
            return
        x0, y0, _, _ = BACK_BOX
        ox, oy = stance.place(256, 250, -38)
        c, s = stance.cos_roll, stance.sin_roll
        mx, my = 256 - x0, 250 - y0
        matrix = np.array([[c, -s, ox - x0 - c * mx + s * my], [s, c, oy - y0 - s * mx - c * my]], np.float32)
        cv2.warpAffine(self._layers.hair_back, matrix, self._back.shape[1::-1], dst=self._back)
        self._lay(self._back, x0, y0)

    def _draw_body(self, pose: Pose) -> None:
        """The chest rises with the breath, by a fraction of a pixel at a time."""
        whole, part = divmod(max(0.0, min(BODY_SLACK - 0.1, _CHEST_RISE * pose.breath)), 1.0)
        k, rows, body = int(whole), SIZE - BODY_TOP, self._layers.body
        cv2.addWeighted(body[k : k + rows], 1 - part, body[k + 1 : k + 1 + rows], part, 0, dst=self._body)
        self._lay(self._body, 0, BODY_TOP)
