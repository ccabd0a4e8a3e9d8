"""Speech messages for tests: a tone that is cut as tts cuts its speech."""

import base64

import numpy as np
from numpy.typing import NDArray

from services.common.speech import Speech


def tone(ms: int, sr: int = 16_000, level: float = 0.5, hz: float = 300) -> NDArray[np.int16]:
    return (np.sin(2 * np.pi * hz * np.arange(round(ms * sr / 1000)) / sr) * level * 32767).astype(np.int16)


def message(
    t0: int, pcm: NDArray[np.int16], *, sr: int = 16_000, turn: int | None = 1, session: str = "s1", **more: object
) -> dict[str, object]:
    """A speech message's JSON: `pcm` from `t0` ms on, in chunks of 200 ms."""
    step = sr // 5
    chunks = []
    for start in range(0, len(pcm), step):
        part = pcm[start : start + step]
        a, b = (t0 + round(1000 * place / sr) for place in (start, start + len(part)))
        chunks.append({"t0": a, "t1": b, "pcm_b64": base64.b64encode(part.tobytes()).decode()})
    body: dict[str, object] = {"session": session, "sr": sr, "chunks": chunks, **more}
    return body if turn is None else body | {"turn": turn}


def speech(
    t0: int, pcm: NDArray[np.int16], *, sr: int = 16_000, turn: int | None = 1, session: str = "s1", **more: object
) -> Speech:
    return Speech.model_validate(message(t0, pcm, sr=sr, turn=turn, session=session, **more))
