"""What holds for turn detection whatever is heard."""

import itertools
import random

import pytest

from services.asr.audio.vad import FRAME_MS
from services.asr.transcription.engine import Transcription
from services.asr.turns.classifier import Classification, classify
from services.asr.turns.detector import Phase
from services.asr.turns.outputs import Dropped, EagerEnd, Over, Resumed, Started
from tests.asr.talk import COMPLETE, UNFINISHED, Talk


@pytest.mark.parametrize("seed", range(40))
def test_every_utterance_ends_exactly_once(seed: int) -> None:
    """Whatever is heard and read, in whatever order: each start has one end; nothing comes between utterances."""
    dice = random.Random(seed)
    talk = Talk(takes_ms=None)
    texts = ["", "Yes.", COMPLETE, UNFINISHED, "mm"]
    for _ in range(600):
        talk.hear(FRAME_MS, dice.choice([0.0, 0.0, 0.2, 0.4, 0.6, 0.95]), echo=dice.random() < 0.1)
        if talk.requests and dice.random() < 0.3:
            found = classify(Transcription(dice.choice(texts)), 10_000)
            talk.answer(
                dice.choice(talk.requests[-3:]), Classification("x", echo=True) if dice.random() < 0.05 else found
            )
        if dice.random() < 0.005:
            talk._take(talk.turns.lost())
    talk._take(talk.turns.lost())
    going = likely = False
    for output in talk.outputs:
        match output:
            case Started():
                assert not going
                going, likely = True, False
            case Over() | Dropped():
                assert going
                going = False
            case EagerEnd():
                assert going
                assert not likely
                likely = True
            case Resumed():
                assert going
                assert likely
                likely = False
            case _:
                assert going
    assert not going


def test_every_phase_takes_every_input() -> None:
    """Any sequence of four of all inputs, from every phase that they lead to, is answered without an error."""
    inputs = ("voice", "silence", "echo", "words", "nothing", "own", "lost")
    for sequence in itertools.product(inputs, repeat=4):
        talk = Talk(takes_ms=None)
        for step in sequence:
            match step:
                case "voice":
                    talk.voice(320)
                case "silence":
                    talk.silence(256)
                case "echo":
                    talk.hear(320, 0.97, echo=True)
                case "lost":
                    talk.turns.lost()
                case _ if talk.requests:
                    text = COMPLETE if step == "words" else ""
                    talk.answer(
                        talk.requests[-1],
                        Classification("x", echo=True) if step == "own" else classify(Transcription(text), 10_000),
                    )
        assert talk.turns.phase in Phase
