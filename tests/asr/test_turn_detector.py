"""When a turn begins, goes on and is over: the state machine, on the time of the sound."""

import itertools
import random
from typing import Any

import pytest

from services.asr.audio.vad import FRAME_MS
from services.asr.transcription.engine import Words
from services.asr.turns.classifier import Reading, read
from services.asr.turns.detector import (
    Dropped,
    LikelyOver,
    Output,
    Over,
    Partly,
    Phase,
    Resumed,
    Rules,
    Started,
    Transcribe,
    Turns,
)

RULES = Rules()
COMPLETE = "What are the opening hours?"
UNFINISHED = "I would like to"


class Talk:
    """Turns, and whoever transcribes: at once, after `takes_ms`, or never (None). `says` maps an order to its words."""

    def __init__(self, text: str = COMPLETE, takes_ms: int | None = 0) -> None:
        self.turns = Turns(RULES)
        self.text, self.takes_ms = text, takes_ms
        self.outputs: list[Output] = []
        self.orders: list[Transcribe] = []
        self._due: list[tuple[int, Transcribe]] = []

    def hear(self, ms: int, probability: float, *, loud: bool = False, echo: bool = False) -> "Talk":
        for _ in range(ms // FRAME_MS):
            self._take(self.turns.frame(probability, loud=loud, echo=echo))
            for due in [d for d in self._due if d[0] <= self.turns.now_ms]:
                self._due.remove(due)
                self.read(due[1])
        return self

    def voice(self, ms: int) -> "Talk":
        return self.hear(ms, 0.97)

    def silence(self, ms: int) -> "Talk":
        return self.hear(ms, 0.02)

    def read(self, order: Transcribe, reading: Reading | None = None) -> "Talk":
        self._take(self.turns.read(order.order, reading or read(Words(self.text), 10_000, order.before)))
        return self

    def _take(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Transcribe):
                self.orders.append(output)
                if self.takes_ms is not None:
                    self._due.append((self.turns.now_ms + self.takes_ms, output))
            else:
                self.outputs.append(output)

    def kinds(self) -> list[str]:
        return [type(output).__name__ for output in self.outputs]

    def only(self, kind: type[Output]) -> list[Output]:
        return [output for output in self.outputs if isinstance(output, kind)]


def test_a_question_is_one_turn() -> None:
    """Started, said in part, likely over, over: in this order, once, with the words."""
    talk = Talk().silence(640).voice(1600).silence(960)
    assert talk.kinds() == ["Started", "Partly", "LikelyOver", "Over"]
    over = talk.outputs[-1]
    assert over == Over(COMPLETE, backchannel=False, silence_ms=672, waited_ms=0)
    assert talk.turns.phase is Phase.QUIET


def test_the_onset_is_told_with_the_first_frame_and_dated_back() -> None:
    """A voice is there after one frame; the time since the first that came near it goes with it."""
    talk = Talk().silence(640).hear(32, 0.3).voice(32)
    assert talk.outputs == [Started(onset_ms=64)]


@pytest.mark.parametrize(
    ("sound", "begins"),
    [
        ({"probability": 0.25, "loud": True}, True),
        ({"probability": 0.25}, False),
        ({"probability": 0.1, "loud": True}, False),
        ({"probability": 0.25, "loud": True, "echo": True}, False),
    ],
)
def test_a_hiss_may_begin_a_voice(sound: dict[str, Any], begins: bool) -> None:
    """An "s" hardly looks like a voice; one that stands out from the room begins a turn all the same."""
    assert Talk().silence(640).hear(FRAME_MS, **sound).kinds() == (["Started"] if begins else [])


def test_what_the_detector_remembers_of_a_voice_is_not_the_voice() -> None:
    """In a noisy room it is sure of it for some frames more. The silence counts from the last sure or loud one."""
    talk = Talk().voice(1280).hear(64, 0.8).hear(64, 0.5).silence(960)
    (over,) = talk.only(Over)
    assert isinstance(over, Over)
    assert over.silence_ms == 672
    assert talk.orders[-1].end_ms == 1280 + 128 + 32  # transcribed as soon as it has left


def test_soft_speech_in_a_noisy_room_goes_on() -> None:
    """What stays likely for longer than a trail is somebody who speaks softly."""
    talk = Talk().voice(1280).hear(1280, 0.7)
    assert not talk.only(Over)
    assert talk.turns.phase is Phase.SPEAKING
    assert talk.silence(960).only(Over) == [Over(COMPLETE, backchannel=False, silence_ms=672, waited_ms=0)]


def test_words_once_understood_are_not_lost_to_a_last_reading_as_noise() -> None:
    """The last transcription may go wrong where a draft went right; what was only a murmur is noise then."""
    for text, kinds in (
        (COMPLETE, ["Started", "Partly", "LikelyOver", "Over"]),
        ("Mm-hm.", ["Started", "Partly", "Dropped"]),
    ):
        talk = Talk(takes_ms=None).voice(960)
        talk.read(talk.orders[-1], read(Words(text, -0.3, 0.1), 900)).silence(128)
        talk.read(talk.orders[-1], Reading(noise=True)).silence(960)
        assert talk.kinds() == kinds
        assert [over.text for over in talk.only(Over) if isinstance(over, Over)] == [text] * kinds.count("Over")


def test_what_only_looks_like_a_voice_is_dismissed_soon() -> None:
    """A click that passes for voice holds the avatar up for 200 ms; in the pause of a turn it changes nothing."""
    talk = Talk("").silence(640).voice(FRAME_MS).silence(640)
    assert talk.outputs == [Started(FRAME_MS), Dropped("noise")]
    assert talk.turns.phase is Phase.QUIET
    clicked = Talk().voice(1280).silence(320).voice(FRAME_MS).silence(640)
    assert clicked.kinds().count("Over") == 1
    assert "Resumed" not in clicked.kinds()


def test_a_doubtful_draft_interrupts_nobody() -> None:
    """A syllable that nobody can be sure of might be the first of an "mm-hm"; more of it may show that it is a word."""
    talk = Talk(takes_ms=None).voice(320)
    talk.read(talk.orders[-1], read(Words("And you", -1.3, 0.4), 256)).voice(640)
    talk.read(talk.orders[-1], read(Words("And your documents", -0.3, 0.1), 900))
    assert talk.only(Partly) == [Partly("And you", backchannel=True), Partly("And your documents", backchannel=False)]


@pytest.mark.parametrize("pause_ms", range(32, 650, 32))
def test_no_pause_up_to_600_ms_cuts_a_turn(pause_ms: int) -> None:
    """However complete the words before it sound."""
    talk = Talk().voice(1280).silence(pause_ms).voice(1280).silence(960)
    assert len(talk.only(Over)) == 1
    assert talk.kinds()[-1] == "Over"


def test_what_was_likely_over_is_taken_back() -> None:
    """A person who goes on after "likely over" has resumed, once for each time."""
    talk = Talk().voice(1280).silence(512).voice(640).silence(512).voice(640).silence(960)
    assert [k for k in talk.kinds() if k != "Partly"] == [
        *("Started", "LikelyOver", "Resumed", "LikelyOver", "Resumed", "LikelyOver", "Over")
    ]


def test_words_that_promise_more_are_waited_for() -> None:
    """ "I would like to" is not over after a second of silence, and over in the end."""
    talk = Talk(UNFINISHED).voice(1280).silence(1152)
    assert not talk.only(Over)
    talk.silence(800)
    (over,) = talk.only(Over)
    assert isinstance(over, Over)
    assert 1300 <= over.silence_ms <= RULES.unfinished_pause_ms


def test_the_likely_end_comes_long_before_the_end() -> None:
    """There is time to prepare the reply: at least 400 ms for a finished question whose words come at once."""
    talk = Talk().voice(1280)
    talk.silence(224)
    assert talk.kinds()[-1] == "LikelyOver"
    talk.silence(384)
    assert talk.kinds()[-1] == "LikelyOver"


def test_late_words_are_waited_for_and_the_wait_is_told() -> None:
    """Silence alone never ends a turn: it ends with its words, and says how long they took."""
    talk = Talk(takes_ms=None).voice(1280).silence(1280)
    assert not talk.only(Over)
    talk.read(talk.orders[-1])
    (over,) = talk.only(Over)
    assert isinstance(over, Over)
    assert (over.silence_ms, over.waited_ms) == (1280, 620)


def test_what_may_become_a_voice_puts_the_end_off() -> None:
    """A sound at the very moment of the end, which is no voice yet, is given six frames to become one; not more."""
    chances: list[dict[str, Any]] = [{"probability": 0.3}, {"probability": 0.05, "loud": True}]
    for chance in chances:
        talk = Talk().voice(1280).silence(640)
        assert len(talk.hear(5 * FRAME_MS, **chance).voice(640).silence(960).only(Over)) == 1
        talk = Talk().voice(1280).silence(640)
        assert len(talk.hear(7 * FRAME_MS, **chance).only(Over)) == 1


@pytest.mark.parametrize("words", [Words(""), Words("[coughs]"), Words("Thank you.", -1.1, 0.7)])
def test_what_has_no_words_is_dismissed(words: Words) -> None:
    """A cough ends as noise as soon as its silence is clear, in 200 ms."""
    talk = Talk(takes_ms=None).voice(320).silence(96)
    talk.read(talk.orders[-1], read(words, 320)).silence(128)
    assert talk.outputs == [Started(32), Dropped("noise")]
    assert talk.turns.now_ms == 320 + 224


def test_noise_without_end_is_dismissed_and_ignored_until_it_ends() -> None:
    """A vacuum cleaner that passes for a voice holds nothing up for longer than a few seconds."""
    talk = Talk("").voice(8000)
    assert talk.kinds() == ["Started", "Dropped"]
    talk.silence(640)
    talk.text = COMPLETE
    talk.voice(640).silence(960)
    assert talk.kinds()[-1] == "Over"


def test_the_avatars_own_voice_starts_nothing() -> None:
    """Frames that are echo are no voice; a person who speaks over them is heard."""
    talk = Talk().hear(3200, 0.97, echo=True)
    assert talk.outputs == []
    talk.voice(640).hear(960, 0.97, echo=True)
    assert talk.kinds()[0] == "Started"
    assert talk.kinds()[-1] == "Over"


def test_the_avatars_own_words_are_dismissed() -> None:
    """Where the waveform did not give it away, the words do; what follows at once belongs to it."""
    talk = Talk(takes_ms=None).voice(640)
    talk.read(talk.orders[-1], Reading("do", echo=True)).voice(640).silence(96)
    assert talk.outputs == [Started(32), Dropped("echo")]
    talk.silence(640).voice(128)
    assert talk.kinds()[-1] == "Started"


def test_backchannels_are_marked() -> None:
    """ "Mm-hm" is a turn like any other; that it asks for nothing is said with it."""
    talk = Talk("Mm-hm.").voice(480).silence(960)
    assert talk.outputs == [
        Started(32),
        Partly("Mm-hm.", backchannel=True),
        LikelyOver("Mm-hm.", 0.9, backchannel=True),
        Over("Mm-hm.", backchannel=True, silence_ms=768, waited_ms=0),
    ]


def test_a_lost_microphone() -> None:
    """A turn whose words are known is over; one in mid-word is lost; silence loses nothing."""
    assert Talk().silence(640).turns.lost() == []
    assert Talk().voice(640).turns.lost() == [Dropped("lost")]
    known = Talk().voice(640).silence(224)
    assert known.turns.lost() == [Over(COMPLETE, backchannel=False, silence_ms=224, waited_ms=0)]
    assert known.turns.phase is Phase.QUIET


def test_only_what_changed_is_transcribed_again() -> None:
    """Words before a pause are settled once the turn is long, and none is lost: no order holds more than a window."""
    talk = Talk("and then some more")
    for _ in range(8):
        talk.voice(4480).silence(320)
    talk.silence(1920)
    assert max(order.end_ms - order.start_ms for order in talk.orders) < 16_000
    (over,) = talk.only(Over)
    assert isinstance(over, Over)
    assert over.text.count("and then some more") >= 4


def test_speech_without_a_breath_is_cut_where_it_is_softest() -> None:
    """Nobody who never pauses is transcribed beyond Whisper's thirty seconds."""
    talk = Talk("on and on").voice(24_000).hear(FRAME_MS, 0.4).voice(40_000).silence(1920)
    assert max(order.end_ms - order.start_ms for order in talk.orders) <= RULES.longest_ms + FRAME_MS
    first = next(order for order in talk.orders if order.start_ms > 0)
    assert first.start_ms == 24_000 + FRAME_MS
    assert len(talk.only(Over)) == 1


def test_sound_that_is_needed_is_kept() -> None:
    """No order reaches behind what the machine said that it keeps."""
    talk = Talk(takes_ms=160)
    kept = 0
    for probability in ([0.0] * 50 + [0.3] * 20 + [0.9] * 60 + [0.0] * 12) * 4:
        before = len(talk.orders)
        talk.hear(FRAME_MS, probability)
        assert all(order.start_ms >= kept for order in talk.orders[before:])
        kept = talk.turns.keeps_from_ms


@pytest.mark.parametrize("seed", range(40))
def test_every_utterance_ends_exactly_once(seed: int) -> None:
    """Whatever is heard and read, in whatever order: each start has one end; nothing comes between utterances."""
    dice = random.Random(seed)
    talk = Talk(takes_ms=None)
    texts = ["", "Yes.", COMPLETE, UNFINISHED, "mm"]
    for _ in range(600):
        talk.hear(FRAME_MS, dice.choice([0.0, 0.0, 0.2, 0.4, 0.6, 0.95]), echo=dice.random() < 0.1)
        if talk.orders and dice.random() < 0.3:
            reading = read(Words(dice.choice(texts)), 10_000)
            talk.read(dice.choice(talk.orders[-3:]), Reading("x", echo=True) if dice.random() < 0.05 else reading)
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
            case LikelyOver():
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
                case _ if talk.orders:
                    text = COMPLETE if step == "words" else ""
                    talk.read(talk.orders[-1], Reading("x", echo=True) if step == "own" else read(Words(text), 10_000))
        assert talk.turns.phase in Phase
