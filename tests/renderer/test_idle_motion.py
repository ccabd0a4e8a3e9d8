"""Idle life is alive, calm and endless."""

from dataclasses import astuple, fields

import numpy as np
import pytest

from services.renderer.idle_motion import BLINK_S, Idle, IdleMotion, blink_shape

FPS = 15
SEEDS = (1, 2, 99)
NAMES = [f.name for f in fields(Idle)]

LARGEST_STEP = {
    "yaw": 0.9,
    "pitch": 0.7,
    "roll": 0.35,
    "dx": 0.35,
    "dy": 0.25,
    "breath": 0.16,
    "brow": 0.04,
    "brow_tilt": 0.03,
    "smile": 0.02,
    "squint": 0.02,
    "gaze_x": 0.55,
    "gaze_y": 0.35,
}
"""Between two frames; eyes may leap to what they look at, lids may fall: blinks are looked at on their own."""


def sampled(seed: int, seconds: float, fps: float = FPS, talking: float = 0.0) -> np.ndarray:
    idle = IdleMotion(seed)
    return np.array([astuple(idle.at(i / fps, talking)) for i in range(int(seconds * fps))])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("talking", [0.0, 1.0])
def test_no_jump(seed: int, talking: float) -> None:
    """From one frame to the next every part moves only as far as a calm person's would."""
    steps = np.abs(np.diff(sampled(seed, 180, talking=talking), axis=0)).max(0)
    too_far = {n: s for n, s in zip(NAMES, steps, strict=True) if n in LARGEST_STEP and s > LARGEST_STEP[n]}
    assert not too_far


def test_never_repeats() -> None:
    """In five minutes no two seconds of head motion are alike."""
    head = sampled(5, 300, fps=5)[:, [NAMES.index(n) for n in ("yaw", "pitch", "roll", "dx", "dy")]]
    head = (head - head.mean(0)) / head.std(0)
    windows = np.stack([head[i : i + 10].ravel() for i in range(0, len(head) - 10, 2)])
    squares = (windows**2).sum(1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * windows @ windows.T, 0))
    apart = np.abs(np.subtract.outer(np.arange(len(windows)), np.arange(len(windows)))) >= 10
    assert distances[apart].min() > 0.8


@pytest.mark.parametrize("seed", SEEDS)
def test_blink_rate(seed: int) -> None:
    """A person at rest blinks ten to twenty-five times a minute, and each blink shuts the eye."""
    blink = sampled(seed, 300, fps=50)[:, NAMES.index("blink")]
    shut = blink > 0.95
    count = int((np.diff(shut.astype(int)) == 1).sum())
    assert 10 <= count / 5 <= 25
    begun = int((np.diff((blink > 0.02).astype(int)) == 1).sum())
    assert begun == count


@pytest.mark.parametrize("seed", SEEDS)
def test_gaze_is_on_the_viewer(seed: int) -> None:
    """Most of the time the eyes rest on the viewer, and now and then they glance away."""
    gaze = sampled(seed, 300)[:, [NAMES.index("gaze_x"), NAMES.index("gaze_y")]]
    away = np.hypot(*gaze.T) > 0.15
    assert 0.01 < away.mean() < 0.3


def test_is_a_function_of_time() -> None:
    """Any instant can be asked for, in any order, by any instance, with the same answer."""
    first, second = IdleMotion(3), IdleMotion(3)
    times = [17.3, 4.1, 4000.0, 0.0, 17.2]
    assert [first.at(t) for t in times] == [second.at(t) for t in reversed(times)][::-1]


def test_sessions_differ() -> None:
    """Two sessions side by side do not move in step."""
    a, b = sampled(1, 60)[:, 0], sampled(2, 60)[:, 0]
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.6


def test_blink_shape_is_a_blink() -> None:
    """A lid is open before and after, shut between, and falls faster than it rises."""
    times = np.linspace(-0.05, BLINK_S + 0.05, 500)
    shape = np.array([blink_shape(t) for t in times])
    assert shape[0] == shape[-1] == 0
    assert shape.max() == 1
    half = times[shape >= 0.5]
    shut = times[shape == 1]
    assert shut[0] - half[0] < half[-1] - shut[-1]
