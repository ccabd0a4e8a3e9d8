"""From packets to messages: real voices through real Opus, on a clock of the test's own."""

from typing import Any

import numpy as np
import pytest

from services.asr.audio.jitter_buffer import JitterBuffer
from services.asr.audio.vad import SileroVoiceDetector
from services.common.utterances import Dismissed, SpeechStarted
from tests.asr.wire import Encoder, Line, SameWords
from tests.microphone import RATE, Sound
from tests.voices import VOICES, click, cough, noise, say, silence, with_pause

QUESTION = "What are the opening hours on Sunday?"
ANSWER = "Two processor cores are enough, and no graphics card is needed, for everything runs on your own machine."
ROOM = 10 ** (-70 / 20)


def room(ms: int, seed: int = 0) -> Sound:
    """A quiet room."""
    return np.asarray(np.random.default_rng(seed).normal(0, ROOM, RATE * ms // 1000), np.float32)


def in_room(sound: Any) -> Sound:
    return np.asarray(sound + room(len(sound) * 1000 // RATE + 1)[: len(sound)], np.float32)


@pytest.mark.parametrize("voice", VOICES)
async def test_a_voice_is_noticed_at_once(voice: str) -> None:
    """The onset is told within 160 ms of the first sound, packets and frames included, and dated back to it."""
    line = Line()
    line.carry(room(1500))
    began = line.carry(in_room(say(QUESTION, voice)))
    at, started = line.messages[0]
    assert isinstance(started, SpeechStarted)
    assert at - began <= 0.160
    assert abs((at - started.onset_ms / 1000) - began) <= 0.1


async def test_a_turn_is_told_in_order() -> None:
    """Started, partial, likely over, over; then silence stays silence."""
    line = Line()
    line.carry(np.concatenate([room(1000), in_room(say(QUESTION)), room(2000)]))
    assert line.kinds() == ["speech_started", "partial", "eager_end_of_turn", "turn_over"]
    assert {(m.session, m.instance, m.utterance) for _, m in line.messages} == {("s1", "run1", 1)}


@pytest.mark.parametrize("pause_ms", [200, 400, 600])
@pytest.mark.parametrize("voice", VOICES[:2])
async def test_pauses_in_a_sentence_do_not_cut_it(pause_ms: int, voice: str) -> None:
    """Up to 600 ms of silence between two parts are part of the turn."""
    line = Line()
    line.carry(np.concatenate([room(1000), in_room(with_pause("What are the hours", "on Sunday?", pause_ms, voice))]))
    line.carry(room(2000))
    assert line.kinds().count("turn_over") == 1
    assert line.kinds()[-1] == "turn_over"


@pytest.mark.parametrize("sound", [click(), np.tile(np.concatenate([click(), silence(150)]), 5), noise(2, -6)])
async def test_clicks_and_noise_hold_nobody_up(sound: Sound) -> None:
    """A door, typing, a fan that starts: no turn comes of it; what was taken for a voice is dismissed at its end."""
    line = Line("")
    line.carry(np.concatenate([room(1000), in_room(sound), room(1000)]))
    assert line.kinds() in ([], ["speech_started", "dismissed"])


@pytest.mark.parametrize("seed", range(4))
async def test_a_cough_is_over_soon(seed: int) -> None:
    """Where it passes for a voice, it is dismissed within 350 ms of its end."""
    line = Line("")
    line.carry(room(1000))
    began = line.carry(in_room(cough(seed)))
    line.carry(room(1000))
    assert line.kinds() in ([], ["speech_started", "dismissed"])
    for at, _ in line.of(Dismissed):
        assert at - began - len(cough(seed)) / RATE <= 0.35


@pytest.mark.parametrize("delay_ms", [50, 150, 250])
@pytest.mark.parametrize("level_db", [-10, -20, -30])
async def test_the_avatars_voice_from_the_loudspeaker_starts_nothing(level_db: int, delay_ms: int) -> None:
    """Mixed back softer and later, through a second Opus: not even an onset, from its first syllable on."""
    line = Line(ANSWER)
    said = np.concatenate([silence(1000), say(ANSWER)])
    echo = 10 ** (level_db / 20) * np.concatenate([silence(delay_ms), said, silence(600)])
    line.carry(in_room(echo), said)
    assert line.kinds() == []


@pytest.mark.parametrize("delay_ms", [50, 150, 250])
@pytest.mark.parametrize("level_db", [-10, -20, -30])
async def test_a_person_over_the_avatars_echo_is_heard(level_db: int, delay_ms: int) -> None:
    """Double talk: whoever speaks over the avatar interrupts it within a quarter of a second."""
    line = Line()
    said = np.concatenate([silence(1000), say(ANSWER), silence(3000)])
    echo = 10 ** (level_db / 20) * np.concatenate([silence(delay_ms), said])[: len(said)]
    person = say(QUESTION, VOICES[-1])
    at = RATE * 2500 // 1000
    echo[at : at + len(person)] += person
    began = line.carry(in_room(echo), said) + at / RATE
    first, started = line.messages[0]
    assert isinstance(started, SpeechStarted)
    assert 0 <= first - began <= 0.25


@pytest.mark.parametrize("level_db", [-10, -20])
async def test_an_echo_of_a_room_starts_no_turn(level_db: int) -> None:
    """With the walls' reflections in it the echo is still known for one."""
    line = Line(ANSWER)
    said = np.concatenate([silence(1000), say(ANSWER), silence(600)])
    walls = np.zeros(RATE // 8)
    walls[0] = 1
    dice = np.random.default_rng(4)
    walls[dice.integers(300, len(walls), 60)] = dice.normal(0, 0.12, 60)
    echo = 10 ** (level_db / 20) * np.convolve(np.concatenate([silence(90), said]), walls)[: len(said)]
    line.carry(in_room(echo), said)
    assert line.kinds() == []


async def test_a_person_with_the_avatars_voice_is_heard_over_it() -> None:
    """A clone of one's own voice: no echo, and the person is heard at once, the second time as well."""
    line = Line()
    said = np.concatenate([silence(500), say(ANSWER), say(ANSWER)])
    person = np.concatenate(
        [room(1500), in_room(say(QUESTION)), room(1500), in_room(say("Wait a moment.")), room(1000)]
    )
    line.carry(person, said)
    assert line.kinds().count("speech_started") >= 2
    assert line.kinds().count("turn_over") == 2


async def test_the_avatars_words_are_not_answered() -> None:
    """An echo that the waveform does not show, from a loudspeaker that distorts it, is known by its words."""
    line = Line("processor cores are enough and no graphics card")
    line.pipeline.text_echo.avatar_says(3, ANSWER)
    line.carry(np.concatenate([room(1000), in_room(say(ANSWER)), room(2000)]))
    assert "turn_over" not in line.kinds()
    assert {m.reason for _, m in line.of(Dismissed) if isinstance(m, Dismissed)} == {"echo"}


async def test_a_microphone_that_stops_sending_ends_the_turn() -> None:
    """Mute takes the packets away: the turn ends by the clock, as if silence had come; coming back starts a new one."""
    line = Line()
    line.carry(np.concatenate([room(1000), in_room(say(QUESTION))]))
    for _ in range(30):
        line.now += 0.1
        line.pipeline._starve()
    assert line.kinds()[-1] == "turn_over"
    line.microphone.skip(3000)
    line.carry(np.concatenate([in_room(say(QUESTION)), room(1500)]))
    assert line.kinds().count("turn_over") == 2
    assert line.messages[-1][1].utterance == 2


async def test_silence_that_is_not_sent_is_silence() -> None:
    """A sender that leaves silence out (DTX) is understood like one that does not."""
    line = Line()
    line.carry(np.concatenate([room(1000), in_room(say("What are the hours"))]))
    line.microphone.skip(400)
    line.now += 0.4
    line.carry(np.concatenate([in_room(say("on Sunday?")), room(1500)]))
    assert line.kinds().count("turn_over") == 1


async def test_a_gateway_that_is_gone() -> None:
    """What was being said is lost and says so; the next connection, whatever its numbers, is heard like the first."""
    line = Line()
    line.carry(np.concatenate([room(1000), in_room(say(QUESTION))]))
    line.pipeline.lost()
    assert line.kinds()[-1] == "dismissed"
    line.microphone.skip(77_777)
    line.carry(np.concatenate([room(500), in_room(say(QUESTION)), room(1500)]))
    assert line.kinds()[-1] == "turn_over"


@pytest.mark.parametrize("what", ["silence", "clipped", "narrow", "constant"])
async def test_bad_microphones(what: str) -> None:
    """Silence, clipped noise, a constant and a voice of a telephone's band: none crashes, only the voice is a turn."""
    line = Line(QUESTION if what == "narrow" else "")
    spectrum = np.fft.rfft(say(QUESTION))
    spectrum[len(spectrum) // 2 :] = 0  # 8 kHz sampling
    sounds = {
        "silence": silence(3000),
        "clipped": np.sign(noise(3, 0)) * np.float32(1.0),
        "narrow": np.asarray(np.fft.irfft(spectrum), np.float32),
        "constant": np.full(RATE * 3, 0.5, np.float32),
    }
    line.carry(np.concatenate([room(1000), sounds[what], room(2000)]))
    assert ("turn_over" in line.kinds()) is (what == "narrow")
    assert line.kinds().count("speech_started") == line.kinds().count("turn_over") + line.kinds().count("dismissed")


async def test_packets_that_overtake_are_put_in_order_and_lost_ones_left_out() -> None:
    """One packet in twenty lost, one in ten late: the turn is heard all the same."""
    line = Line()
    packets = list(line.microphone.packets(np.concatenate([room(1000), in_room(say(QUESTION)), room(1500)])))
    for number in range(5, len(packets) - 1, 10):
        packets[number], packets[number + 1] = packets[number + 1], packets[number]
    del packets[::20]
    for packet in packets:
        line.now += 0.02
        line.pipeline.hear(*packet)
    assert line.kinds()[0] == "speech_started"
    assert line.kinds()[-1] == "turn_over"


async def test_a_packet_that_is_no_opus_is_silence() -> None:
    """Garbage on the wire costs its 20 ms and no more."""
    line = Line()
    line.carry(room(200))
    for sequence in range(65_540, 65_550):
        line.pipeline.hear(sequence % 2**16, (sequence - 65_540) * 960, b"\xff\xff\xff garbage")
    line.microphone = type(line.microphone)((65_550) % 2**16, 9600)
    line.carry(np.concatenate([room(500), in_room(say(QUESTION)), room(1500)]))
    assert line.kinds()[-1] == "turn_over"


def test_silence_that_repeats_keeps_its_time() -> None:
    """It is not decoded again, and what comes after it is where it should be."""
    buffer, voice = JitterBuffer(), say(QUESTION)
    sound = np.concatenate([silence(1000), voice, silence(1000), voice])
    heard = np.concatenate([buffer.push(*packet)[1] for packet in Encoder().packets(sound)])
    assert abs(len(heard) - len(sound)) < RATE // 25
    assert abs(np.flatnonzero(np.abs(heard) > 0.02)[0] - RATE) < RATE // 25
    assert np.abs(heard[RATE // 5 : RATE * 9 // 10]).max() < 1e-4
    between = RATE + len(voice)
    again = np.flatnonzero(np.abs(heard[between + RATE // 5 :]) > 0.02)[0] + RATE // 5
    assert abs(again - RATE) < RATE // 25


async def test_stereo_is_mixed() -> None:
    """Two channels are one microphone."""
    line = Line()
    line.microphone = type(line.microphone)(channels=2)
    line.carry(np.concatenate([room(1000), in_room(say(QUESTION)), room(1500)]))
    assert line.kinds()[-1] == "turn_over"


async def test_what_is_transcribed_has_the_first_and_the_last_sound() -> None:
    """The engine gets the whole voice with some sound before it."""
    line = Line()
    line.carry(np.concatenate([room(1000), in_room(say(QUESTION)), room(1500)]))
    assert isinstance(line.engine, SameWords)
    assert max(len(sound) for sound in line.engine.heard) >= len(say(QUESTION)) + RATE * 0.2


def test_a_steady_room_costs_no_model() -> None:
    """The detector asks the model about what stands out from the room, and of digital silence nothing at all."""
    detector = SileroVoiceDetector()
    asked = 0
    silero = detector._silero

    class Counted:
        def process_samples(self, samples: list[float]) -> float:
            nonlocal asked
            asked += 1
            return silero.process_samples(samples)

        def reset(self) -> None:
            silero.reset()

    detector._silero = Counted()  # type: ignore[assignment]
    for steady in (silence(10_000), noise(60, 20)):
        for start in range(0, len(steady) - 512, 512):
            detector.detect(steady[start : start + 512])
    assert asked < 120
