"""The streaming buffer, on virtual time: a tick is 20 ms."""

import numpy as np
import pytest
from numpy.typing import NDArray

from services.common.errors import Problem
from services.renderer.speech.playback import Position, Tick, WordStarted
from services.renderer.streaming_buffer import EDGE, HOLD_TICKS, StreamingBuffer
from tests.renderer.speaking import speech, tone


def play(buffer: StreamingBuffer, ms: int) -> list[Tick]:
    return [buffer.tick() for _ in range(ms // 20)]


def sound(ticks: list[Tick]) -> NDArray[np.int16]:
    return np.concatenate([tick.pcm for tick in ticks])


def positions(ticks: list[Tick]) -> list[tuple[str, int]]:
    return [(e.phase, e.t) for tick in ticks for e in tick.happened if isinstance(e, Position)]


def words(ticks: list[Tick]) -> list[tuple[int, str]]:
    """(index of the tick, word)"""
    return [(i, e.word.text) for i, tick in enumerate(ticks) for e in tick.happened if isinstance(e, WordStarted)]


def test_silence_without_speech() -> None:
    """A session that has nothing to say is digitally silent and reports nothing."""
    ticks = play(StreamingBuffer(2500), 200)
    assert not sound(ticks).any()
    assert not any(tick.happened or tick.ran_dry or tick.spoken for tick in ticks)


def test_speech_at_48_khz_passes_sample_for_sample() -> None:
    """Sound at the clock's own rate comes out unchanged, from the very next tick on."""
    pcm = tone(400, 48_000)
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, pcm, sr=48_000, final=True))
    heard = sound(play(buffer, 500))
    assert np.array_equal(heard[: len(pcm)], pcm)


@pytest.mark.parametrize("sr", [8000, 16_000, 22_050, 24_000, 44_100])
def test_resampled_across_messages_without_a_seam(sr: int) -> None:
    """A tone sent in many messages sounds like the same tone at 48 kHz, in length and in every sample."""
    buffer = StreamingBuffer(2500)
    whole = tone(1000, sr)
    step = sr // 5
    for i in range(5):
        buffer.accept(speech(200 * i, whole[i * step : (i + 1) * step], sr=sr, final=i == 4))
    ticks = play(buffer, 1100)
    assert sum(tick.spoken for tick in ticks) == 48_000
    expected = tone(1000, 48_000).astype(float)
    inner = slice(480, 47_520)
    assert np.abs(sound(ticks)[inner] - expected[inner]).max() < 330  # 1 % of full scale


def test_a_sample_too_many_or_too_few_never_adds_up() -> None:
    """Chunks that are one sample off their times are placed where their times say."""
    buffer = StreamingBuffer(30_000)
    for i in range(50):
        pcm = tone(170, 22_050)  # 3748.5 samples: 3748 each, one too few in every second chunk
        buffer.accept(speech(170 * i, pcm[:3748], sr=22_050, final=i == 49))
    ticks = play(buffer, 9000)
    assert abs(sum(tick.spoken for tick in ticks) - 170 * 50 * 48) <= 1
    assert positions(ticks)[-1] == ("finished", 8500)


def test_positions_started_playing_finished_in_order() -> None:
    """A turn reports its start with its first sound, its position every 100 ms, and its end after the last sample."""
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, tone(330), final=True))
    ticks = play(buffer, 400)
    assert positions(ticks) == [("started", 0), ("playing", 100), ("playing", 200), ("playing", 300), ("finished", 330)]
    assert ticks[0].happened[0] == Position(1, 0, "started")
    assert positions(ticks[:16])[-1][0] == "playing"


def test_words_are_reported_when_they_begin_to_sound() -> None:
    """A word is reported in the tick in which its t0 lies, and words beyond the end never are."""
    spoken = [{"t0": t, "t1": t + 50, "text": text} for t, text in ((0, "a"), (99, "b"), (100, "c"), (900, "never"))]
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, tone(300), words=spoken, final=True))
    assert words(play(buffer, 1000)) == [(0, "a"), (4, "b"), (5, "c")]


def test_more_than_the_capacity_is_refused_whole() -> None:
    """What would run further ahead than the capacity gets 429 with Retry-After, and nothing of it is kept."""
    buffer = StreamingBuffer(1000)
    buffer.accept(speech(0, tone(800)))
    with pytest.raises(Problem) as refused:
        buffer.accept(speech(800, tone(400)))
    assert refused.value.status == 429
    assert refused.value.headers == {"Retry-After": "1"}
    assert refused.value.more == {"buffered_ms": 800, "retry_after_ms": 200}
    assert buffer.buffered_ms == 800
    play(buffer, 200)
    assert buffer.buffered_ms == 600
    buffer.accept(speech(800, tone(400)))
    assert buffer.buffered_ms == 1000


def test_a_refused_new_turn_leaves_the_present_one_alone() -> None:
    """A new turn that does not fit does not silence the turn that is spoken."""
    buffer = StreamingBuffer(500)
    buffer.accept(speech(0, tone(400), turn=1))
    with pytest.raises(Problem):
        buffer.accept(speech(0, tone(600), turn=2))
    assert buffer.turn == 1
    assert play(buffer, 20)[0].spoken


@pytest.mark.parametrize(("t0", "what"), [(100, "overlaps"), (0, "overlaps"), (220, "gap")])
def test_speech_that_does_not_follow_is_refused(t0: int, what: str) -> None:
    """A message that overlaps with what came before, or leaves a gap, gets 409 with the time that was expected."""
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, tone(200)))
    with pytest.raises(Problem, match=what) as refused:
        buffer.accept(speech(t0, tone(200)))
    assert refused.value.status == 409
    assert refused.value.more == {"expected_t0": 200}
    assert buffer.buffered_ms == 200


def test_a_turn_starts_at_zero() -> None:
    """A turn's first message that does not start at 0 ms leaves a gap."""
    with pytest.raises(Problem, match="gap"):
        StreamingBuffer(2500).accept(speech(200, tone(200)))


def test_a_turn_keeps_its_rate_and_its_end() -> None:
    """A turn cannot change its sample rate, nor go on after its final message."""
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, tone(200)))
    with pytest.raises(Problem, match="sr"):
        buffer.accept(speech(200, tone(200, 22_050), sr=22_050))
    buffer.accept(speech(200, tone(200), final=True))
    with pytest.raises(Problem, match="final"):
        buffer.accept(speech(400, tone(200)))


def test_the_short_form_is_a_new_turns_whole_speech() -> None:
    """Messages without turn, words and final become turns of their own and end by themselves."""
    buffer = StreamingBuffer(2500)
    assert buffer.accept(speech(0, tone(200), turn=None)).turn == 1
    assert positions(play(buffer, 300))[-1] == ("finished", 200)
    assert buffer.accept(speech(0, tone(200), turn=None)).turn == 2
    buffer.cancel(7)
    assert buffer.accept(speech(0, tone(200), turn=None)).turn == 8


def test_a_newer_turn_replaces_the_present_one_at_once() -> None:
    """The next tick after a newer turn's first message is that turn's, and the old one reports no end."""
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, tone(1000), turn=1))
    play(buffer, 200)
    assert buffer.accept(speech(0, tone(200), turn=3)).replaced == 1
    ticks = play(buffer, 300)
    assert {e.turn for tick in ticks for e in tick.happened} == {3}
    assert ticks[0].happened[0] == Position(3, 0, "started")


def test_older_and_cancelled_turns_are_dropped() -> None:
    """Speech of a turn that was cancelled, even before it came, or that is older than the present one, is dropped."""
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, tone(200), turn=4))
    assert buffer.accept(speech(0, tone(200), turn=3)).dropped
    buffer.cancel(6)
    for turn in (4, 5, 6):
        assert buffer.accept(speech(0, tone(200), turn=turn)).dropped
    assert not sound(play(buffer, 100)).any()
    assert not buffer.accept(speech(0, tone(200), turn=7)).dropped


def test_cancel_is_silent_within_the_next_tick() -> None:
    """After a cancel nothing but a glide of a few ms follows, and no event of the turn."""
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, tone(1000), words=[{"t0": 300, "t1": 400, "text": "later"}], final=True))
    play(buffer, 260)
    assert buffer.cancel(1) == 260
    ticks = play(buffer, 500)
    heard = sound(ticks)
    assert not heard[EDGE:].any()
    assert not any(tick.happened for tick in ticks)
    assert buffer.buffered_ms == 0


def test_cancel_again_or_late_still_knows_what_was_heard() -> None:
    """Cancelling twice, or after the end, says how much was heard; a turn that was never heard says 0."""
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, tone(400), turn=2, final=True))
    play(buffer, 100)
    assert buffer.cancel(2) == 100
    assert buffer.cancel(2) == 100
    assert buffer.cancel(1) == 0
    assert buffer.cancel(9) == 0
    buffer.accept(speech(0, tone(400), turn=10, final=True))
    play(buffer, 1000)
    assert buffer.cancel(10) == 400


def test_cancelling_an_older_turn_leaves_the_present_one() -> None:
    """A cancel that comes late, after the next turn began, does not touch that turn."""
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, tone(400), turn=2))
    buffer.cancel(1)
    assert play(buffer, 20)[0].spoken == 960


@pytest.mark.parametrize("cut", [100, 105, 113])
def test_sound_that_breaks_off_glides_to_silence(cut: int) -> None:
    """Neither a cancel nor running dry nor going on after it makes a step that clicks."""
    low = tone(cut, 48_000, hz=100)
    steepest = int(np.abs(np.diff(low.astype(int))).max())
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, low, sr=48_000))
    heard = [sound(play(buffer, 200))]
    buffer.accept(speech(cut, tone(200, 48_000, hz=100), sr=48_000))
    heard.append(sound(play(buffer, 100)))
    buffer.cancel(1)
    heard.append(sound(play(buffer, 100)))
    steps = np.abs(np.diff(np.concatenate(heard).astype(int)))
    assert steps.max() <= max(steepest, 16_384 * 4 / EDGE)


def test_running_dry_is_counted_once_and_resumes_where_it_stopped() -> None:
    """A turn that runs out of speech waits in silence and goes on when more comes; nothing of it is lost."""
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, tone(210, 48_000), sr=48_000))
    dry = play(buffer, 400)
    assert [tick.ran_dry for tick in dry].count(True) == 1
    assert buffer.heard_turn == 1
    assert buffer.at(0) == (1, None)
    buffer.accept(speech(210, tone(190, 48_000), sr=48_000, final=True))
    assert buffer.at(0) == (1, 210.0)
    more = play(buffer, 400)
    assert not any(tick.ran_dry for tick in more)
    assert sum(tick.spoken for tick in dry + more) == 400 * 48
    assert positions(more)[-1] == ("finished", 400)


def test_a_late_empty_final_message_ends_the_turn() -> None:
    """A turn whose end is announced after its last sound finishes, also when it had run dry."""
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, tone(200)))
    play(buffer, 400)
    buffer.accept(speech(0, tone(0), final=True))
    assert positions(play(buffer, 40)) == [("finished", 200)]
    assert not buffer.speaking


def test_what_a_picture_shows_is_what_will_be_heard() -> None:
    """The place in the speech `ahead` of the next tick is known before it is played, and none beyond what is there."""
    buffer = StreamingBuffer(2500)
    assert buffer.at(0) == (0, None)
    buffer.accept(speech(0, tone(200, 48_000), sr=48_000, turn=5))
    assert buffer.at(0) == (5, 0.0)
    assert buffer.at(-1) == (0, None)
    assert buffer.at(4800) == (5, 100.0)
    assert buffer.at(9600) == (0, None)
    play(buffer, 40)
    assert buffer.at(-480) == (5, 30.0)
    assert buffer.at(480) == (5, 50.0)
    buffer.cancel(5)
    assert buffer.at(0) == (5, None)


def test_speech_waits_for_its_pictures() -> None:
    """Held, a turn that begins is silent and not yet heard; let go, it sounds from its first sample."""
    pcm = tone(400, 48_000)
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, pcm, sr=48_000, final=True))
    assert buffer.begins_at == 0
    held = [buffer.tick(hold=True) for _ in range(5)]
    assert not any(tick.spoken or tick.happened for tick in held)
    assert buffer.at(0) == (0, None)
    first = buffer.tick()
    assert np.array_equal(first.pcm, pcm[:960])
    assert buffer.begins_at is None
    assert buffer.at(0) == (1, 20.0)


def test_speech_that_sounds_is_not_held() -> None:
    """Late pictures never stop sound that has begun."""
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, tone(400, 48_000), sr=48_000, final=True))
    buffer.tick()
    assert buffer.tick(hold=True).spoken == 960


def test_speech_is_not_held_for_ever() -> None:
    """Pictures that do not come cost two seconds, not the answer."""
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, tone(400, 48_000), sr=48_000, final=True))
    assert [buffer.tick(hold=True).spoken for _ in range(HOLD_TICKS + 1)] == [0] * HOLD_TICKS + [960]


def test_speech_that_ran_dry_waits_for_pictures_again() -> None:
    """After a gap the turn goes on where the face can go on."""
    buffer = StreamingBuffer(2500)
    buffer.accept(speech(0, tone(40, 48_000), sr=48_000))
    play(buffer, 60)
    buffer.accept(speech(40, tone(40, 48_000), sr=48_000, final=True))
    assert buffer.begins_at == 40
    assert buffer.tick(hold=True).spoken == 0
    assert buffer.tick().spoken == 960
