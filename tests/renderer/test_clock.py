"""The media clock, on virtual time."""

import pytest

from services.renderer.media.clock import CATCH_UP_S, FPS, LATE_AIM_S, SAMPLES_PER_TICK, MediaClock


def release_all(clock: MediaClock, now: float) -> list[int]:
    released = []
    while (sample := clock.release(now)) is not None:
        released.append(sample)
    return released


def test_a_frame_every_20_ms_from_one_origin() -> None:
    """Frames are due at origin + n · 20 ms, whatever the times at which the clock is asked."""
    clock = MediaClock(100.0)
    assert clock.release(99.9) is None
    assert release_all(clock, 100.0) == [0]
    assert clock.wait(100.0) == pytest.approx(0.02)
    released = [sample for i in range(500) for sample in release_all(clock, 100.0 + 0.02 * i + 0.003 * (i % 5))]
    assert released == [960 * n for n in range(1, 500)]
    assert clock.due(clock.next_sample) == 110.0


def test_a_timer_that_wakes_a_little_early_is_not_sent_back() -> None:
    """A fraction of a millisecond too early counts as due; a millisecond does not."""
    clock = MediaClock(0.0)
    release_all(clock, 0.0)
    assert clock.release(0.019) is None
    assert clock.release(0.0198) == 960


def test_after_a_short_pause_every_frame_is_made_up_for() -> None:
    """No frame of sound is left out when the machine was busy for a moment."""
    clock = MediaClock(0.0)
    release_all(clock, 0.0)
    assert release_all(clock, 0.15) == [960 * n for n in range(1, 8)]


def test_after_a_long_pause_media_time_is_the_present() -> None:
    """After a pause that no receiver could smooth, time jumps once instead of a burst, still on the 20 ms grid."""
    clock = MediaClock(0.0)
    release_all(clock, 0.0)
    (sample,) = release_all(clock, 10.005)
    assert sample == 500 * SAMPLES_PER_TICK
    assert clock.wait(10.005) < 0.02
    assert CATCH_UP_S < 1


def test_pictures_belong_to_the_same_clock() -> None:
    """Picture k is due with sample 3200·k; fifteen of them and fifty frames of sound make a second."""
    clock = MediaClock(7.0)
    assert clock.picture_due(FPS) == clock.due(50 * SAMPLES_PER_TICK) == 8.0
    assert clock.picture_due(1) == clock.due(3200)


def test_pictures_follow_each_other_while_there_is_time() -> None:
    """Drawn in time, no picture is left out."""
    clock = MediaClock(0.0)
    number = -1
    numbers: list[int] = []
    for _ in range(30):
        number = clock.next_picture(number, clock.picture_due(number) if numbers else 0.0, 0.010)
        numbers.append(number)
    assert numbers == list(range(30))


def test_late_pictures_are_left_out_and_never_far_behind() -> None:
    """When drawing is too slow for fifteen a second, pictures are left out, and no other is later than the aim."""
    clock = MediaClock(0.0)
    takes, now = 0.150, 0.0
    numbers: list[int] = [-1]
    for _ in range(20):
        number = clock.next_picture(numbers[-1], now, takes)
        now = max(now, clock.picture_begin(number, takes)) + takes
        assert now - clock.picture_due(number) <= LATE_AIM_S + 1e-9
        numbers.append(number)
    assert numbers[-1] >= 20 * 2


def test_a_clock_that_is_started_again_forgets_what_was() -> None:
    """Media time begins anew at the new origin."""
    clock = MediaClock(0.0)
    release_all(clock, 1.0)
    clock.restart(50.0)
    assert clock.release(49.9) is None
    assert release_all(clock, 50.0) == [0]
