"""Which photos an avatar can be made from, and what is said of the others."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from services.renderer.echomimic.portraits import PortraitError, find_portraits, read_portrait
from services.renderer.engine import Frame

AVATARS = Path("services/renderer/avatars")


def face(side: int = 512) -> Frame:
    picture = cv2.imread(str(AVATARS / "joe/portrait.png"))
    assert picture is not None
    return np.asarray(cv2.resize(picture, (side, side)), np.uint8)


def moved(x: int, y: int, share: float) -> Frame:
    """The face, smaller, somewhere on a plain ground."""
    ground = np.full((512, 512, 3), 90, np.uint8)
    small = face(round(512 * share))
    ground[y : y + len(small), x : x + len(small)] = small[: 512 - y, : 512 - x]
    return ground


def refused(folder: Path, picture: Frame) -> str:
    path = folder / "portrait.png"
    cv2.imwrite(str(path), picture)
    with pytest.raises(PortraitError) as error:
        read_portrait(path, 512)
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["joe", "ada"])
def test_the_portraits_that_come_with_it_pass(name: str) -> None:
    """They come out at the size that is generated."""
    assert read_portrait(find_portraits(AVATARS)[name], 256).shape == (256, 256, 3)


def test_pictures_without_one_face_are_refused(tmp_path: Path) -> None:
    """None, or two."""
    nobody = np.random.default_rng(0).integers(0, 255, (512, 512, 3), dtype=np.uint8)
    assert "no face can be seen" in refused(tmp_path, nobody)
    two = np.vstack([np.hstack([face(256), face(256)]), np.full((256, 512, 3), 90, np.uint8)])
    assert "2 faces can be seen" in refused(tmp_path, two)


def test_a_face_that_is_badly_framed_is_refused(tmp_path: Path) -> None:
    """Too far away, too near, off the middle."""
    assert "too small" in refused(tmp_path, moved(120, 100, 0.45))
    assert "too large" in refused(tmp_path, np.asarray(cv2.resize(face(1024)[190:730, 250:790], (512, 512)), np.uint8))
    assert "off the middle" in refused(tmp_path, moved(200, 190, 0.6))


def test_sizes_and_files_that_will_not_do_are_refused(tmp_path: Path) -> None:
    """Too few pixels, not square, not a picture."""
    assert "300×300 pixels; 512×512 are needed" in refused(tmp_path, face(300))
    assert "cut it to a square" in refused(tmp_path, face(1024)[:, :600])
    (tmp_path / "portrait.png").write_text("no picture")
    with pytest.raises(PortraitError, match="not a picture that can be read"):
        read_portrait(tmp_path / "portrait.png", 512)


def test_a_folder_without_portraits_is_a_sentence(tmp_path: Path) -> None:
    """It says where to put one."""
    with pytest.raises(PortraitError, match=r"NAME/portrait\.png"):
        find_portraits(tmp_path)
