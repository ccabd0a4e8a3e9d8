"""Everything that moves in the portrait."""

from dataclasses import dataclass

MOUTH = ("jaw", "wide", "pucker", "upper", "lower", "tuck", "press", "tongue", "tongue_out", "seal")
"""The pose's mouth parameters, in the order of the vectors that articulation works with."""


@dataclass(slots=True)
class Pose:
    """0..1 unless noted; all 0 is a neutral, closed face that looks straight ahead."""

    # mouth
    jaw: float = 0.0  # open
    wide: float = 0.0  # corners apart; negative: together
    pucker: float = 0.0
    upper: float = 0.0  # upper lip raised
    lower: float = 0.0  # lower lip dropped
    tuck: float = 0.0  # lower lip under the upper teeth
    press: float = 0.0  # lips pressed on each other
    tongue: float = 0.0  # raised
    tongue_out: float = 0.0  # between the teeth
    seal: float = 0.0  # closes the lips whatever the jaw does
    # expression
    smile: float = 0.0
    blink_left: float = 0.0  # the viewer's left
    blink_right: float = 0.0
    gaze_x: float = 0.0  # -1 viewer's left .. 1 right
    gaze_y: float = 0.0  # -1 up .. 1 down
    brow: float = 0.0  # raised
    brow_tilt: float = 0.0  # inner ends raised; negative: lowered
    furrow: float = 0.0
    squint: float = 0.0
    # head and chest: degrees and px
    yaw: float = 0.0
    pitch: float = 0.0  # positive nods down
    roll: float = 0.0
    breath: float = 0.0
    dx: float = 0.0
    dy: float = 0.0
