"""Which windows a turn is cut into. Times are pictures, 15 a second."""

from math import inf

import pytest

from services.renderer.echomimic.windows import LOOK_AHEAD, Scheme, Window, WindowPlan


def planned(
    plan: WindowPlan, heard: float, ended: bool = False, playhead: int = 0, waited: float = 0.0, quiet: bool = False
) -> Window | None:
    """Ask for the next window, and take it."""
    window = plan.next(heard, ended, playhead, waited, quiet)
    if window is not None:
        plan.take(window)
    return window


def test_windows_follow_each_other() -> None:
    """The first starts from the reference, the others carry on; together they show every picture once."""
    plan = WindowPlan(Scheme(13, 1))
    windows = [planned(plan, 60) for _ in range(4)]
    assert windows == [Window(0, 12, "turn"), *(Window(first, 12, "carried") for first in (12, 24, 36))]


def test_a_longer_overlap_is_carried_from_the_second_window_on() -> None:
    """Nothing is there to carry on from at the start but the reference, which is one picture."""
    plan = WindowPlan(Scheme(25, 5))
    assert [planned(plan, 90) for _ in range(3)] == [
        Window(0, 24, "turn"),
        Window(24, 20, "carried"),
        Window(44, 20, "carried"),
    ]


@pytest.mark.parametrize(("heard", "there"), [(12 + LOOK_AHEAD - 0.1, False), (12 + LOOK_AHEAD, True)])
def test_a_window_needs_its_speech_and_a_short_look_ahead(heard: float, there: bool) -> None:
    """What the last picture hears must have come."""
    assert (planned(WindowPlan(Scheme(13, 1)), heard) is not None) is there


def test_the_end_of_a_turn_is_not_waited_for() -> None:
    """Speech that ends is shown to its end, a begun picture included, and no further."""
    plan = WindowPlan(Scheme(13, 1))
    assert planned(plan, 14.3, ended=True) == Window(0, 12, "turn")
    assert planned(plan, 14.3, ended=True) == Window(12, 3, "carried")
    assert planned(plan, 14.3, ended=True) is None


def test_speech_that_stalls_is_shown_as_far_as_it_goes() -> None:
    """Where pictures are needed soon, what was heard is enough; the next window then starts anew."""
    plan = WindowPlan(Scheme(13, 1))
    assert planned(plan, 6.5, waited=0.1) is None
    assert planned(plan, 6.5, waited=0.3) == Window(0, 6, "turn")
    assert planned(plan, 30) == Window(6, 12, "gap")


def test_speech_that_is_far_ahead_may_stall() -> None:
    """No window is cut short for pictures that are not needed soon."""
    plan = WindowPlan(Scheme(13, 1))
    planned(plan, 14)
    assert planned(plan, 18, waited=inf, playhead=0) is None
    assert planned(plan, 18, waited=inf, playhead=5) == Window(12, 6, "carried")


def test_pauses_and_drift_start_from_the_reference_again() -> None:
    """A chain ends where speech pauses, and where its pictures have drifted."""
    plan = WindowPlan(Scheme(13, 1))
    assert planned(plan, 90, quiet=True) == Window(0, 12, "turn")
    assert planned(plan, 90, quiet=True) == Window(12, 12, "pause")
    plan.break_off("drift")
    assert planned(plan, 90) == Window(24, 12, "drift")
    assert planned(plan, 90) == Window(36, 12, "carried")


def test_what_is_late_already_is_left_out() -> None:
    """A window begins with the picture that is due, not with one that was."""
    plan = WindowPlan(Scheme(13, 1))
    planned(plan, 90)
    assert planned(plan, 90, playhead=15) == Window(15, 12, "carried")


@pytest.mark.parametrize(("window", "overlap"), [(12, 1), (13, 2), (13, 13), (5, 9)])
def test_what_does_not_fall_into_latent_frames_is_refused(window: int, overlap: int) -> None:
    """Windows and overlaps are 1 more than a multiple of 4, and the overlap is the smaller."""
    with pytest.raises(ValueError, match=f"{window} pictures with an overlap of {overlap}"):
        Scheme(window, overlap)
