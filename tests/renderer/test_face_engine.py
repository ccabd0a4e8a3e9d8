"""The portrait engine as the renderer uses it."""

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from services.common.errors import Problem
from services.renderer.engine import Moment
from services.renderer.portrait import cache
from services.renderer.portrait.engine import PortraitEngine, PortraitPerformer
from services.renderer.portrait.person.people import PEOPLE
from services.renderer.portrait.person.styles import STYLES, graded, preset_for
from tests.renderer.faces import CFG, FOLDER, SAMPLE_RATE, hum, layers_of, timeline
from tests.renderer.mouth import mouth_openness

FRAME_S = 1 / 15


@pytest.fixture(scope="module")
def engine() -> Iterator[PortraitEngine]:
    layers_of("joe", "studio")
    layers_of("joe", "dusk")
    engine = PortraitEngine(FOLDER, "warm studio portrait, soft key light, teal and amber background", CFG)
    yield engine
    engine.close()


@pytest.fixture
def performer(engine: PortraitEngine) -> PortraitPerformer:
    return engine.open("joe", "studio")


def test_what_it_offers(engine: PortraitEngine) -> None:
    """Joe comes first, ada is there, and the prompt has chosen the studio."""
    assert engine.name == "portrait"
    assert engine.avatars == ("joe", "ada")
    assert engine.styles == ("studio", "dusk", "morning")
    assert engine.style == "studio"


@pytest.mark.parametrize(("avatar", "style", "field"), [("eve", "studio", "avatar"), ("joe", "noir", "style")])
def test_what_is_not_there_is_refused(engine: PortraitEngine, avatar: str, style: str, field: str) -> None:
    """An avatar or a style that does not exist is a 422 that names the field and what there is."""
    with pytest.raises(Problem) as refused:
        engine.open(avatar, style)
    assert refused.value.status == 422
    assert field in refused.value.detail
    assert "joe" in refused.value.detail or "studio" in refused.value.detail


def test_an_unknown_style_is_refused_while_running(performer: PortraitPerformer) -> None:
    """Restyling to what does not exist is a 422, and the face goes on."""
    with pytest.raises(Problem) as refused:
        performer.restyle("noir")
    assert refused.value.status == 422
    assert performer.frame(Moment(0.0, 0, None)).shape == (512, 512, 3)


def test_sessions_share_layers_and_live_their_own_lives(engine: PortraitEngine) -> None:
    """Two performers are two people at the same instant, drawn from one set of layers."""
    one, other = engine.open("joe", "studio"), engine.open("joe", "studio")
    first = one.frame(Moment(12.0, 0, None)).copy()
    assert (first != other.frame(Moment(12.0, 0, None))).any()
    assert engine.layers("joe", "studio") is engine.layers("joe", "studio")


@pytest.mark.parametrize("offset_ms", range(0, 67, 11))
def test_a_p_is_seen_closed_at_15_fps(performer: PortraitPerformer, offset_ms: int) -> None:
    """Between two open vowels, wherever the frames fall, some frame shows the lips shut for the P."""
    performer.hear(1, 0, hum(900), SAMPLE_RATE, timeline((0, "AA"), (400, "PP"), (460, "AA")))
    seen = {}
    for k in range(13):
        t = offset_ms + k * FRAME_S * 1000
        seen[t] = mouth_openness(performer.frame(Moment(1 + k * FRAME_S, 1, t)))
    assert min(v for t, v in seen.items() if 380 <= t <= 480) < 0.05
    assert max(v for t, v in seen.items() if 200 <= t <= 330) > 0.6
    assert max(v for t, v in seen.items() if 560 <= t <= 800) > 0.6


def test_cancel_closes_the_mouth(performer: PortraitPerformer) -> None:
    """The second frame after a cancel shows a closed mouth."""
    performer.hear(1, 0, hum(2000), SAMPLE_RATE, timeline((0, "AA")))
    for k in range(8):
        frame = performer.frame(Moment(1 + k * FRAME_S, 1, k * FRAME_S * 1000))
    assert mouth_openness(frame) > 0.6
    performer.cancel(1)
    performer.frame(Moment(1 + 8 * FRAME_S, 1, None))
    assert mouth_openness(performer.frame(Moment(1 + 9 * FRAME_S, 1, None))) < 0.05


def test_restyle_fades_over(engine: PortraitEngine) -> None:
    """A new style comes in over half a second without a hard cut, and is then fully there."""
    performer = engine.open("joe", "studio")
    engine.layers("joe", "dusk")
    frames = []
    for k in range(20):
        if k == 4:
            performer.restyle("dusk")
        frames.append(performer.frame(Moment(k * FRAME_S, 0, None)).astype(int)[:100, :100])
    whole = np.abs(frames[-1] - frames[0]).mean()
    steps = [np.abs(b - a).mean() for a, b in pairwise(frames)]
    assert whole > 8
    assert max(steps) < 0.3 * whole
    assert max(steps[-5:]) < 0.01 * whole


def test_a_damaged_file_is_drawn_again(tmp_path: Path) -> None:
    """Layers that were cut off on disk are noticed and drawn anew."""
    layers = layers_of("joe", "studio")
    style = graded(STYLES["studio"], CFG)
    good, damaged = cache.path_of(FOLDER, PEOPLE["joe"], style), cache.path_of(tmp_path, PEOPLE["joe"], style)
    shutil.copy(good, damaged)
    with damaged.open("r+b") as file:
        file.truncate(good.stat().st_size // 2)
    engine = PortraitEngine(tmp_path, "studio", CFG)
    try:
        np.testing.assert_array_equal(engine.layers("joe", "studio").skin, layers.skin)
        assert engine.open("joe", "studio").frame(Moment(0.0, 0, None)).any()
    finally:
        engine.close()


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    """A file of the right length with a wrong byte is not believed."""
    layers_of("joe", "studio")
    good = cache.path_of(FOLDER, PEOPLE["joe"], graded(STYLES["studio"], CFG))
    content = bytearray(good.read_bytes())
    content[len(content) // 2] ^= 0xFF
    bad = tmp_path / "bad.npz"
    bad.write_bytes(content)
    assert cache.load(bad) is None
    assert cache.load(tmp_path / "missing.npz") is None


@pytest.mark.parametrize(
    ("prompt", "style"),
    [
        ("warm studio portrait, soft key light, teal and amber background", "studio"),
        ("Bright MORNING by a window, airy", "morning"),
        ("moody night, neon, purple", "dusk"),
        ("", "studio"),
        ("a person", "studio"),
    ],
)
def test_the_prompt_chooses_the_preset(prompt: str, style: str) -> None:
    """The preset that most of the prompt's words speak for is baked; without any, the studio."""
    assert preset_for(prompt) == style


def test_cfg_is_the_strength_of_the_grade() -> None:
    """2 is gentler than 3, beyond that nothing changes, and 2.5 is the preset as it is."""
    style = STYLES["dusk"]
    gentle, plain, bold = (graded(style, cfg) for cfg in (2.0, 2.5, 3.0))
    assert gentle.saturation < plain.saturation < bold.saturation
    assert gentle.light.rim[0] < plain.light.rim[0] < bold.light.rim[0]
    assert plain.saturation == style.saturation
    assert graded(style, 9.0) == bold
    assert graded(style, 0.0) == gentle
