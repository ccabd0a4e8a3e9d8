"""A turn that is paused and goes on, on virtual time: a tick is 20 ms."""

import numpy as np
import pytest
from numpy.typing import NDArray

from services.common.errors import Problem
from services.renderer.speech.playback import Position, Tick
from services.renderer.speech.spoken_turn import FADE
from services.renderer.streaming_buffer import EDGE, HOLD_TICKS, StreamingBuffer
from tests.renderer.speaking import speech, tone
from tests.renderer.test_buffer import play, positions, sound, words

SR = 48_000
RNG = np.random.default_rng(7)


def noise(ms: int) -> NDArray[np.int16]:
    """Sound of which no two samples are alike: what is lost or said twice cannot go unnoticed."""
    return RNG.integers(-16_000, 16_000, ms * SR // 1000, dtype=np.int16)


def spoken(ticks: list[Tick]) -> NDArray[np.int16]:
    """The sound with every pause cut out."""
    return np.concatenate([tick.pcm[: tick.spoken] for tick in ticks])


def begun(pcm: NDArray[np.int16], ms: int, *, turn: int = 1, final: bool = True) -> StreamingBuffer:
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, pcm, sr=SR, turn=turn, final=final))
    play(buffer, ms)
    return buffer


@pytest.mark.parametrize("pauses_at", [(100,), (20, 40), (240, 260, 700), tuple(range(100, 900, 60))])
@pytest.mark.parametrize("lasts_ms", [20, 400])
def test_with_its_pauses_cut_out_a_turn_is_the_same(pauses_at: tuple[int, ...], lasts_ms: int) -> None:
    """Sample by sample nothing is lost, doubled or changed, but for the fades around each pause."""
    pcm = noise(1000)
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, pcm, sr=SR, final=True))
    ticks: list[Tick] = []
    fades: list[int] = []
    for at in pauses_at:
        while sum(tick.spoken for tick in ticks) < at * SR // 1000:
            ticks += play(buffer, 20)
        fades.append(sum(tick.spoken for tick in ticks))
        buffer.pause(1)
        ticks += play(buffer, lasts_ms)
        buffer.resume(1)
    ticks += play(buffer, 1500)
    heard = spoken(ticks)
    assert len(heard) == len(pcm)
    same = np.ones(len(pcm), bool)
    for start in fades:
        same[start : start + 2 * FADE] = False
    assert np.array_equal(heard[same], pcm[same])
    assert np.all(np.abs(heard[~same]) <= np.abs(pcm[~same]))
    assert np.all(heard[~same] * pcm[~same].astype(int) >= 0)
    assert positions(ticks)[-1] == ("finished", 1000)
    assert not any(tick.ran_dry for tick in ticks)


def test_a_pause_is_silent_after_its_fade_and_reports_nothing() -> None:
    """10 ms after the tick begins nothing sounds, for as long as it lasts; position, captions and end stand still."""
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, tone(400, SR), sr=SR, words=[{"t0": 130, "t1": 300, "text": "later"}], final=True))
    play(buffer, 100)
    buffer.pause(1)
    ticks = play(buffer, 3000)
    assert not sound(ticks)[FADE:].any()
    assert [tick.spoken for tick in ticks] == [FADE] + [0] * 149
    assert not any(tick.happened for tick in ticks)
    assert (buffer.heard_ms(1), buffer.buffered_ms, buffer.speaking) == (110, 290, True)
    buffer.resume(1)
    after = play(buffer, 400)
    assert words(after) == [(1, "later")]
    assert positions(after)[-1] == ("finished", 400)


def test_a_pause_does_not_click() -> None:
    """Into the pause and out of it the sound makes no larger step than it makes by itself."""
    low = tone(600, SR, hz=100)
    steepest = int(np.abs(np.diff(low.astype(int))).max())
    buffer = begun(low, 120)
    buffer.pause(1)
    heard = [sound(play(buffer, 100))]
    buffer.resume(1)
    heard.append(sound(play(buffer, 100)))
    assert np.abs(np.diff(np.concatenate(heard).astype(int))).max() <= steepest + 16_384 * 4 / FADE


def test_a_pause_that_is_over_before_the_next_tick_was_none() -> None:
    """Paused and resumed within 20 ms: not a sample differs."""
    pcm = noise(400)
    buffer = begun(pcm, 100)
    buffer.pause(1)
    buffer.resume(1)
    assert np.array_equal(spoken(play(buffer, 400)), pcm[100 * SR // 1000 :])


def test_a_pause_before_the_first_sound_keeps_all_of_it() -> None:
    """Paused before it came, a turn waits, is taken in, and then sounds from its first sample, which is not faded."""
    pcm = noise(400)
    buffer = StreamingBuffer(2500)
    buffer.pause(3)
    buffer.accept(speech(0, pcm, sr=SR, turn=3, final=True))
    waiting = play(buffer, 500)
    assert not sound(waiting).any()
    assert not any(tick.happened for tick in waiting)
    assert buffer.at(0) == (0, None)
    buffer.resume(3)
    ticks = play(buffer, 500)
    assert ticks[0].happened[0] == Position(3, 0, "started")
    assert np.array_equal(spoken(ticks), pcm)


@pytest.mark.parametrize("left_ms", [5, 10, 15])
def test_a_pause_in_the_last_sound_of_a_turn(left_ms: int) -> None:
    """What is shorter than the fade ends the turn; what is longer waits until the pause is over."""
    buffer = begun(tone(100 + left_ms, SR), 100)
    buffer.pause(1)
    paused = positions(play(buffer, 200))
    buffer.resume(1)
    after = positions(play(buffer, 200))
    over = [("finished", 100 + left_ms)]
    assert (paused, after) == ((over, []) if left_ms <= 10 else ([], over))


def test_a_pause_while_the_turn_has_run_dry() -> None:
    """Speech that comes meanwhile waits; neither the pause nor its end counts as running dry once more."""
    buffer = begun(tone(100, SR), 200, final=False)
    buffer.pause(1)
    buffer.accept(speech(100, tone(100, SR), sr=SR, final=True))
    paused = play(buffer, 200)
    assert not any(tick.spoken or tick.ran_dry for tick in paused)
    assert buffer.at(0) == (1, None)
    buffer.resume(1)
    after = play(buffer, 200)
    assert sum(tick.spoken for tick in after) == 100 * SR // 1000
    assert not any(tick.ran_dry for tick in after)


def test_a_paused_turn_takes_no_more_than_the_buffer_holds() -> None:
    """It does not drain: what would not fit is refused with 429 as ever, and fits again once it goes on."""
    buffer = StreamingBuffer(1000)
    buffer.accept(speech(0, tone(900, SR), sr=SR))
    play(buffer, 100)
    buffer.pause(1)
    play(buffer, 2000)
    with pytest.raises(Problem) as refused:
        buffer.accept(speech(900, tone(400, SR), sr=SR))
    assert refused.value.status == 429
    buffer.resume(1)
    play(buffer, 400)
    buffer.accept(speech(900, tone(400, SR), sr=SR))


def test_cancelling_a_paused_turn() -> None:
    """It is gone, silent as it was, and a late resume brings nothing of it back."""
    buffer = begun(tone(1000, SR), 200)
    buffer.pause(1)
    play(buffer, 100)
    assert buffer.cancel(1) == 210
    buffer.resume(1)
    assert not sound(play(buffer, 500)).any()
    assert not buffer.speaking


def test_a_newer_turn_is_not_paused_with_the_old_one() -> None:
    """The next turn replaces a paused one and sounds at once; a pause that comes late does not touch it."""
    buffer = begun(tone(1000, SR), 200)
    buffer.pause(1)
    play(buffer, 100)
    buffer.accept(speech(0, tone(200, SR), sr=SR, turn=2, final=True))
    buffer.pause(1)
    assert play(buffer, 20)[0].happened[0] == Position(2, 0, "started")


def test_resuming_an_older_turn_leaves_the_newer_ones_pause() -> None:
    """Orders that overtake each other do no harm."""
    buffer = begun(tone(1000, SR), 200, turn=4)
    buffer.pause(4)
    buffer.resume(3)
    assert not sound(play(buffer, 100))[FADE + EDGE :].any()
    buffer.resume(5)
    assert play(buffer, 20)[0].spoken == 960


def test_the_face_rests_while_its_turn_is_paused() -> None:
    """Pictures show no speech during a pause, and go on where the sound goes on."""
    buffer = begun(tone(1000, SR), 200)
    assert buffer.at(480) == (1, 210.0)
    buffer.pause(1)
    assert buffer.at(480) == (1, None)
    play(buffer, 400)
    assert buffer.at(-480) == (1, None)
    buffer.resume(1)
    assert buffer.at(0) == (1, 210.0)
    assert buffer.at(-480) == (1, None)


def test_going_on_waits_for_pictures() -> None:
    """A face that is made ahead of time goes on together with its sound, and the wait is no running dry."""
    pcm = noise(600)
    buffer = begun(pcm, 200)
    buffer.pause(1)
    paused = play(buffer, 100)
    assert buffer.begins_at is None
    buffer.resume(1)
    assert buffer.begins_at == 210
    waiting = [buffer.tick(hold=True) for _ in range(5)]
    assert not any(tick.spoken or tick.ran_dry for tick in waiting)
    assert buffer.at(0) == (1, None)
    after = play(buffer, 500)
    assert len(spoken(paused + after)) == 400 * SR // 1000
    assert not any(tick.ran_dry for tick in after)


def test_a_pause_while_speech_waits_for_pictures() -> None:
    """Paused before it began, it does not begin, however long the pictures are missing or there."""
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, noise(200), sr=SR, final=True))
    buffer.tick(hold=True)
    buffer.pause(1)
    assert not any(buffer.tick(hold=True).spoken for _ in range(HOLD_TICKS + 5))
    buffer.resume(1)
    assert buffer.tick(hold=True).spoken == 0
    assert buffer.tick().spoken == 960
