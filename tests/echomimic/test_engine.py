"""The engine from speech to pictures, on the CPU: all of it but the size of the weights and the speed."""

import asyncio
import gc
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from services.common import metrics
from services.common.errors import Problem
from services.renderer.echomimic import loading
from services.renderer.echomimic.drift import DriftGuard
from services.renderer.echomimic.engine import EchoMimicEngine
from services.renderer.echomimic.loading import embedded_prompt
from services.renderer.echomimic.networks.layout import Layout
from services.renderer.echomimic.performer import BLEND
from services.renderer.engine import EngineUnavailableError, Frame
from tests.echomimic.engine import STEPS, Watched, settings
from tests.renderer.speaking import tone


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EchoMimicEngine]:
    engine = EchoMimicEngine(settings(tmp_path_factory.mktemp("echomimic")), "cpu")
    yield engine
    engine.close()


@pytest.fixture
def face(engine: EchoMimicEngine) -> Iterator[Watched]:
    face = Watched(engine)
    yield face
    face.close()


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """What random weights draw would not pass for the same person."""
    monkeypatch.setattr(DriftGuard, "drifted", lambda self, picture: False)


def large(picture: Frame) -> Frame:
    return np.asarray(cv2.resize(picture, (512, 512), interpolation=cv2.INTER_CUBIC), np.uint8)


def reanchored(reason: str) -> float:
    return float(metrics.REANCHORS_TOTAL.labels(reason)._value.get())


def test_every_picture_of_a_turn_comes_in_order(face: Watched, steady: None) -> None:
    """Two seconds of speech are thirty pictures, each shown at its time, after a short blend out of idle motion."""
    face.speak(1, 2000)
    face.wait(lambda: face.pictures() == 30)
    made = [face._turn.reel[n][0] for n in range(30)] if face._turn else []
    shown = [face.show(n / 15, 1, n * 1000 / 15) for n in range(30)]
    assert shown[0].shape == (512, 512, 3)
    for number in range(BLEND, 30):
        assert np.array_equal(shown[number], large(made[number])), number
    assert all(np.array_equal(a, b) for a, b in zip(face.delivered, made, strict=False))


def test_sound_may_begin_when_its_first_pictures_are_there(face: Watched) -> None:
    """Not before; and at once for a turn that will have none."""
    assert not face.ready(1, 0)
    face.speak(1, 400)
    face.wait(lambda: face.ready(1, 0))
    face.cancel(1)
    assert face.ready(1, 0)


def test_the_same_window_carries_on_from_the_last(face: Watched, steady: None) -> None:
    """All windows but the first begin with the pictures that the one before ended with."""
    face.speak(1, 2000)
    face.wait(lambda: face.pictures() == 30)
    carried = [job.carried for job in face.jobs]
    assert carried[0] is None
    assert all(tail is face.jobs[number].tail for number, tail in enumerate(carried[1:]))


def test_cancel_closes_the_turn(face: Watched) -> None:
    """The window that is being made is given up, nothing of it is shown, and idle motion takes over."""
    face.hear(1, 0, tone(4000), 16_000, [])
    face.cancel(1)
    assert face.jobs[0].cancelled
    idle = [face.show(n / 15, 1, 100.0) for n in range(BLEND + 1)]
    assert np.array_equal(idle[-1], large(face._avatar.at(BLEND)))
    face.hear(1, 4000, tone(400), 16_000, [])
    assert len(face.jobs) == 1


def test_a_newer_turn_takes_over(face: Watched) -> None:
    """Its pictures start from the portrait; those of the old turn are forgotten."""
    face.speak(1, 4000)
    face.speak(2, 800)
    assert face.jobs[0].cancelled
    face.wait(lambda: face.pictures() == 12)
    assert face.jobs[-1].carried is None


def test_idle_costs_no_model_call(engine: EchoMimicEngine, face: Watched) -> None:
    """A hundred idle pictures move, and the model does not work."""
    steps = engine._stage.steps
    shown = [face.show(n / 15, 0, None) for n in range(100)]
    assert engine._stage.steps == steps
    assert len({picture.tobytes() for picture in shown}) > 10
    period = 2 * len(face._avatar.idle) - 2
    assert np.array_equal(face.show(200.0, 0, None), large(face._avatar.at(3000 % period)))


def test_a_pause_starts_from_the_portrait_again(face: Watched) -> None:
    """Where speech rests at a window's edge, the chain ends, and it is counted."""
    before = reanchored("pause")
    sound = tone(1600)
    sound[round(0.5 * 16_000) : round(0.82 * 16_000)] = 0
    face.hear(1, 0, sound, 16_000, [])
    face.end(1)
    face.wait(lambda: face.pictures() == 24)
    assert [job.carried is None for job in face.jobs] == [True, True]
    assert reanchored("pause") == before + 1


def test_drift_starts_from_the_portrait_again(face: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the guard finds a window drifted, the next does not carry on from it, and it is counted."""
    monkeypatch.setattr(DriftGuard, "drifted", lambda self, picture: True)
    before = reanchored("drift")
    face.speak(1, 1600)
    face.wait(lambda: face.pictures() == 24)
    assert [job.carried is None for job in face.jobs] == [True, True]
    assert reanchored("drift") == before + 1


def test_a_picture_that_is_not_there_repeats_the_last(face: Watched) -> None:
    """Late pictures are counted, and the face does not jump."""
    before = metrics.PICTURES_REPEATED_TOTAL._value.get()
    face.hear(1, 0, tone(200), 16_000, [])
    still = face.show(0.0, 0, None)
    assert np.array_equal(face.show(1 / 15, 1, 0.0), still)
    assert metrics.PICTURES_REPEATED_TOTAL._value.get() == before + 1


def test_speech_that_stalls_is_shown_as_far_as_it_goes(face: Watched) -> None:
    """Six pictures of speech and no more for a while: they are made without waiting for a whole window."""
    face.hear(1, 0, tone(400), 16_000, [])
    face.show(0.0, 0, None)
    assert face.jobs == []
    face.show(0.3, 0, None)
    face.wait(lambda: face.pictures() == 6)


def test_fifty_windows_without_growth(face: Watched, steady: None) -> None:
    """Forty seconds of speech leave as much behind as five: pictures, sound and tensors are let go of."""

    def held() -> tuple[int, int, int]:
        face.jobs.clear()
        face.delivered.clear()
        gc.collect()
        # By type: isinstance would wake up lazy modules that only warn.
        kept = [thing for thing in gc.get_objects() if type(thing) is torch.Tensor]
        tensors = sum(tensor.numel() * tensor.element_size() for tensor in kept)
        assert face._turn is not None
        return face.pictures(), len(face._turn.sound._kept), tensors

    def made(pictures: int) -> bool:
        return face._turn is not None and max(face._turn.reel, default=0) >= pictures - 1 and face._job is None

    early = (0, 0, 0)
    for number in range(50):
        face.jobs.clear()
        face.delivered.clear()
        face.hear(1, 800 * number, tone(800), 16_000, [])
        if number == 49:
            face.end(1)
        face.wait(partial(made, 12 * number))  # the last pictures' look-ahead comes with the next message
        face.show(0.8 * number, 1, max(0, 12 * (number - 1)) * 1000 / 15)
        if number == 8:
            early = held()
    face.wait(partial(made, 600))
    late = held()
    assert late[0] <= early[0] + 13
    assert late[1] <= early[1] + 16_000
    tail = 3 * 64 * 64 * 4  # bytes that a window hands to the next: kept, forty of them would be here
    assert late[2] <= early[2] + 8 * tail


def test_what_is_not_there_is_refused(engine: EchoMimicEngine) -> None:
    """Avatars are the portraits; the style is what was baked."""
    with pytest.raises(Problem, match="one of ada, joe"):
        engine.open("nobody", engine.style)
    with pytest.raises(Problem, match="baked at start"):
        engine.open("joe", "night")


def test_a_second_start_does_not_need_the_text_encoder(tmp_path: Path) -> None:
    """The prompt's embedding is kept, for this prompt and this checkpoint."""
    chosen = settings(tmp_path)
    layout = Layout(chosen.models_dir)

    def start(prompt: str) -> torch.Tensor:
        return embedded_prompt(layout, prompt, chosen.echomimic_cache_dir, "cpu")

    first = start("warm studio")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "load_text_encoder", lambda *_: pytest.fail("T5 was loaded again"))
        assert torch.equal(start("warm studio"), first)
    assert not torch.equal(start("soft teal"), first)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"models_dir": Path("nowhere")}, "Weights are missing.*models fetch"),
        ({"avatar": "nobody"}, "AVATAR=nobody is not there: choose one of ada, joe"),
        ({"avatars_dir": Path("nowhere")}, "There is no avatar"),
    ],
)
def test_what_is_missing_is_said_at_start(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    """Nothing is loaded for minutes only to fail then."""
    with pytest.raises(EngineUnavailableError, match=said):
        EchoMimicEngine(settings(tmp_path, **changed), "cpu")


def test_steps_that_are_guided_take_two_rows(engine: EchoMimicEngine, face: Watched) -> None:
    """The model works as the recipe says: one step after the other, for each window."""
    steps = engine._stage.steps
    face.speak(1, 800)
    face.wait(lambda: face.pictures() == 12)
    assert engine._stage.steps == steps + STEPS


async def test_a_thread_that_fails_is_the_engine_s_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the service keeps raises once pictures can no longer be made; until then it goes on, and can be left."""
    engine = EchoMimicEngine(settings(tmp_path), "cpu")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(engine.supervise(), 0.05)
    monkeypatch.setattr(engine._stage._generator, "done", lambda window: [][0])
    face = Watched(engine)
    face.speak(1, 800)
    with pytest.raises(IndexError):
        await asyncio.wait_for(engine.supervise(), 60)
    engine.close()
