"""Idle and speech are one continuous face."""

from dataclasses import asdict

import numpy as np
import pytest

from services.renderer.engine import Moment
from services.renderer.portrait.acting.actor import Actor, Spring
from services.renderer.portrait.acting.pose import MOUTH, Pose
from services.renderer.portrait.person.people import JOE
from tests.renderer.faces import SAMPLE_RATE, hum, timeline

FRAME_S = 1 / 15
SPEECH = timeline((0, "SIL"), (40, "AA"), (260, "PP"), (340, "OU"), (600, "EH"), (900, "AA"), (1400, "SIL"))
SPEECH_MS = 1500


def speaker(turn: int = 1) -> Actor:
    actor = Actor(seed=4, rest=JOE.rest)
    actor.hear(turn, 0, hum(SPEECH_MS), SAMPLE_RATE, SPEECH)
    return actor


def opened(pose: Pose) -> float:
    """How far the lips are apart, in the pose's own terms."""
    return max(pose.jaw, pose.upper, pose.lower) * (1 - pose.seal)


def heard(actor: Actor, until_ms: float, step_s: float = FRAME_S, start_at: float = 1.0) -> float:
    """Play the turn from its start; -> the media time of the last frame."""
    actor.pose(Moment(start_at - step_s, 0, None))
    at, t = start_at, 0.0
    while t <= until_ms:
        actor.pose(Moment(at, 1, t))
        at, t = at + step_s, t + step_s * 1000
    return at - step_s


def test_the_mouth_is_still_without_speech() -> None:
    """Idle life never opens the mouth."""
    actor = Actor(seed=4, rest=JOE.rest)
    assert max(opened(actor.pose(Moment(i * FRAME_S, 0, None))) for i in range(300)) == 0


def test_speech_opens_the_mouth() -> None:
    """A vowel is seen while it is heard."""
    actor = speaker()
    at = heard(actor, 1000)
    assert opened(actor.pose(Moment(at + FRAME_S, 1, 1100))) > 0.5


@pytest.mark.parametrize("stopped_ms", range(100, 1300, 90))
def test_cancel_closes_the_mouth_within_two_frames(stopped_ms: int) -> None:
    """Wherever in the speech it is cancelled, the second frame after it has a closed mouth, and it stays closed."""
    actor = speaker()
    at = heard(actor, stopped_ms)
    actor.cancel(1)
    after = [opened(actor.pose(Moment(at + k * FRAME_S, 1, None))) for k in range(1, 8)]
    assert max(after[1:]) < 0.01


def test_a_cancelled_turn_stays_silent() -> None:
    """Speech of a cancelled turn that still comes in does not move the mouth."""
    actor = speaker()
    actor.cancel(1)
    actor.hear(1, 0, hum(SPEECH_MS), SAMPLE_RATE, SPEECH)
    assert max(opened(actor.pose(Moment(1 + k * FRAME_S, 1, k * FRAME_S * 1000))) for k in range(20)) == 0


def test_the_next_turn_is_spoken_after_a_cancelled_one() -> None:
    """Cancelling a turn takes nothing from the next."""
    actor = speaker(turn=2)
    actor.cancel(1)
    shown = [opened(actor.pose(Moment(1 + k * FRAME_S, 2, k * FRAME_S * 1000))) for k in range(20)]
    assert max(shown) > 0.5


def test_speech_that_runs_dry_relaxes_and_picks_up() -> None:
    """Without sound the mouth closes in about 150 ms; when the sound is back it speaks on."""
    actor = speaker()
    at = heard(actor, 1000)
    dry = [opened(actor.pose(Moment(at + k * FRAME_S, 1, None))) for k in range(1, 5)]
    assert dry[0] > 0.15
    assert max(dry[2:]) < 0.01
    back = [opened(actor.pose(Moment(at + (4 + k) * FRAME_S, 1, 1000 + k * FRAME_S * 1000))) for k in range(1, 5)]
    assert back[-1] > 0.5


def test_no_jump_into_and_out_of_speech() -> None:
    """Seen at 240 frames a second, nothing leaps where speech begins, breaks off and is cancelled; velocity goes on."""
    actor, step = speaker(), 1 / 240
    poses = []
    for i in range(int(4 / step)):
        at = i * step
        t = (at - 1) * 1000
        if 1.99 < at < 1.99 + step:
            actor.cancel(1)
        sounding = 0 <= t < 500 or 700 <= t < 990
        poses.append(actor.pose(Moment(at, 1 if t >= 0 else 0, t if sounding else None)))
    values = np.array(
        [[asdict(p)[n] for n in (*MOUTH, "yaw", "pitch", "roll", "brow", "smile", "dx", "dy")] for p in poses]
    )
    steps = np.abs(np.diff(values, axis=0))
    assert steps[:, : len(MOUTH)].max() < 0.12
    assert steps[:, len(MOUTH) :].max() < 0.12
    bends = np.abs(np.diff(values[:, len(MOUTH) :], n=2, axis=0))
    assert bends.max() < 0.03


def test_the_head_speaks_too() -> None:
    """Where the voice is raised the head nods and the brows rise."""
    quiet, raised = Actor(seed=4, rest=JOE.rest), Actor(seed=4, rest=JOE.rest)
    sound = np.concatenate([hum(600, 0.08), hum(200, 0.7), hum(600, 0.08)])
    visemes = timeline((0, "AA"))
    quiet.hear(1, 0, hum(1400, 0.2), SAMPLE_RATE, visemes)
    raised.hear(1, 0, sound, SAMPLE_RATE, visemes)
    moments = [Moment(1 + k * FRAME_S, 1, k * FRAME_S * 1000) for k in range(20)]
    pairs = [(quiet.pose(m), raised.pose(m)) for m in moments]
    assert max(b.pitch - a.pitch for a, b in pairs) > 0.5
    assert max(b.brow - a.brow for a, b in pairs) > 0.08


def test_phrases_end_with_a_blink_more_often_than_not() -> None:
    """Over many sessions, more people blink in the half second after a phrase than would by chance."""
    blinked = 0
    for seed in range(40):
        actor = Actor(seed=seed, rest=JOE.rest)
        actor.hear(1, 0, hum(1500), SAMPLE_RATE, timeline((0, "AA"), (700, "SIL"), (1100, "AA")))
        poses = [actor.pose(Moment(5 + k * FRAME_S, 1, k * FRAME_S * 1000)) for k in range(20)]
        blinked += max(p.blink_left for p in poses[11:18]) > 0.5
    assert blinked >= 20  # by chance: about seven


def test_spring_follows_without_overshoot() -> None:
    """A spring gets to its target and never beyond, in one long step as in many short ones."""
    fine, coarse = Spring(0.1), Spring(0.1)
    path = [fine.towards(1.0, 0.001) for _ in range(1000)]
    assert max(path) <= 1.0
    assert path[-1] == pytest.approx(1.0, abs=1e-3)
    assert coarse.towards(1.0, 1.0) == pytest.approx(path[-1], abs=1e-6)
