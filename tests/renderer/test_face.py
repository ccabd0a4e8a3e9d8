"""What is seen: the mouth speaks, the eyes close, a style changes the light and not the person."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from services.common.speech import VISEMES, Viseme
from services.renderer.portrait.acting.articulation import SHAPES
from services.renderer.portrait.acting.pose import Pose
from services.renderer.portrait.person.people import PEOPLE
from services.renderer.portrait.person.styles import STYLES
from tests.renderer.faces import as_sent, face_of, layers_of
from tests.renderer.mouth import MOUTH_BOX, mouth_openness

AVATARS = tuple(PEOPLE)
TURNED: tuple[dict[str, float], ...] = ({}, {"yaw": 4, "pitch": 4}, {"yaw": -8, "pitch": -3}, {"roll": 4, "dx": 2.5})


def mouth_of(avatar: str, viseme: Viseme) -> np.ndarray:
    x0, y0, x1, y1 = MOUTH_BOX
    frame = face_of(avatar, "studio").draw(replace(PEOPLE[avatar].rest, **SHAPES[viseme]))
    return frame[y0:y1, x0:x1].astype(int)


@pytest.mark.parametrize("avatar", AVATARS)
def test_frame(avatar: str) -> None:
    """A frame is 512×512 BGR, with a face lighter than the room's corner and nothing left transparent."""
    frame = face_of(avatar, "studio").draw(PEOPLE[avatar].rest)
    assert frame.shape == (512, 512, 3)
    assert frame.dtype == np.uint8
    assert frame[200:260, 200:300].mean() > 2 * frame[480:, :20].mean()


@pytest.mark.parametrize("avatar", AVATARS)
def test_visemes_look_different(avatar: str) -> None:
    """No two mouth shapes give the same picture."""
    mouths = {v: mouth_of(avatar, v) for v in VISEMES}
    differences = {(a, b): np.abs(mouths[a] - mouths[b]).mean() for a, b in combinations(VISEMES, 2)}
    assert min(differences.values()) > 0.5, min(differences, key=lambda pair: differences[pair])
    from_silence = {v: differences["SIL", v] for v in VISEMES if v not in ("SIL", "PP")}
    assert min(from_silence.values()) > 2.5, from_silence


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("turn", TURNED)
def test_openness_is_seen(style: str, turn: dict[str, float]) -> None:
    """In every light, turned either way and after a lossy codec, closed mouths count as closed and vowels as open."""
    face, rest = face_of("joe", style), PEOPLE["joe"].rest
    seen = {v: mouth_openness(as_sent(face.draw(replace(rest, **SHAPES[v], **turn)))) for v in VISEMES}
    assert max(seen["SIL"], seen["PP"]) < 0.05
    assert 0.7 < seen["AA"] < 1.4
    assert seen["AA"] > seen["OH"] > seen["EH"] > seen["PP"] + 0.15
    assert seen["OU"] > 0.12


def test_openness_follows_the_jaw() -> None:
    """The wider the jaw, the more opening is counted; a seal closes it whatever the jaw does."""
    face, rest = face_of("joe", "studio"), PEOPLE["joe"].rest
    seen = [mouth_openness(face.draw(replace(rest, jaw=k / 8))) for k in range(9)]
    assert seen == sorted(seen)
    assert seen[-1] > 0.9
    assert mouth_openness(face.draw(replace(rest, jaw=0.8, upper=0.3, seal=1.0))) < 0.02


@pytest.mark.parametrize("avatar", AVATARS)
def test_blink_covers_the_eyes(avatar: str) -> None:
    """A closed lid hides the white of the eye."""
    face, rest, eye = face_of(avatar, "studio"), PEOPLE[avatar].rest, PEOPLE[avatar].eye
    y = round(352 - 11 + (eye.y - 352) * PEOPLE[avatar].zoom)
    region = np.s_[y - 12 : y + 12, 180:332]
    awake = face.draw(rest)[region].astype(int)
    asleep = face.draw(replace(rest, blink_left=1, blink_right=1))[region].astype(int)
    assert np.abs(awake - asleep).mean() > 6
    assert asleep.std() < awake.std()


def test_a_style_changes_light_and_not_identity() -> None:
    """Between styles the shapes of head, hair and body and all that moves them are the same; only colours differ."""
    studio, dusk = layers_of("joe", "studio"), layers_of("joe", "dusk")
    for name in ("skin", "skin_smiling", "hair", "body"):
        one, other = getattr(studio, name), getattr(dusk, name)
        np.testing.assert_array_equal(one[..., 3], other[..., 3], name)
        assert (one[..., :3] != other[..., :3]).any()
    for name in ("face_table", "hair_table", "brow", "iris"):
        np.testing.assert_array_equal(getattr(studio, name), getattr(dusk, name), name)
    assert np.abs(studio.room.astype(int) - dusk.room.astype(int)).mean() > 10


def test_drawing_depends_on_the_pose_alone() -> None:
    """What was drawn before leaves no trace in the next frame."""
    face, rest = face_of("joe", "studio"), PEOPLE["joe"].rest
    first = face.draw(rest).copy()
    face.draw(Pose(jaw=1, smile=1, yaw=8, blink_left=1, breath=1))
    np.testing.assert_array_equal(face.draw(rest), first)
