"""What a session makes of what it hears, on virtual time: no network, no clock of the machine."""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from services.common.utterances import (
    Dismissed,
    EagerEndOfTurn,
    Partial,
    SpeechResumed,
    SpeechStarted,
    TurnOver,
    UtteranceEvent,
)
from services.orchestrator_api.lib.conversation.listening import LASTS_S, LONGEST, TELLS_S, Listener, Work
from services.orchestrator_api.lib.state import Effect, Event, State, react

LISTENING, THINKING, WAITING, SPEAKING, PAUSED = State


class VirtualTimer:
    def __init__(self, at: float, call: Any) -> None:
        self.at, self.call, self.cancelled = at, call, False

    def cancel(self) -> None:
        self.cancelled = True


class Talk:
    """A conversation in which nothing happens by itself. `log`: what became of it, in order, with the time in ms."""

    def __init__(self, state: State = LISTENING, question: str = "") -> None:
        self.state, self.unheard_question = state, ""
        self.question = question  # that is being answered, if it was spoken
        self.now = 0.0
        self.log: list[tuple[int, str]] = []
        self.shown: list[tuple[str, bool]] = []
        self.prepared = ""
        self._timers: list[VirtualTimer] = []
        self._posted: list[Work] = []
        self.listener = Listener(self, clock=lambda: self.now, after=self._after)
        self._see()

    def _after(self, delay_s: float, call: Any) -> VirtualTimer:
        timer = VirtualTimer(self.now + delay_s, call)
        self._timers.append(timer)
        return timer

    def _see(self) -> None:
        self.unheard_question = self.question if self.state.unheard else ""

    def note(self, what: str) -> None:
        self.log.append((round(self.now * 1000), what))

    async def react_to_voice(self, event: Event, since: float) -> None:
        reaction = react(self.state, event)
        for effect in reaction.effects:
            if effect not in (Effect.ANNOUNCE, Effect.REFUSE):
                self.note(effect)
        self.state = reaction.state
        self._see()

    async def answer(self, question: str, said: TurnOver | None) -> None:
        self.note(f"answer {question}")
        self.state, self.question, self.prepared = THINKING, question, ""
        self._see()

    async def prepare(self, question: str) -> None:
        if self.state is LISTENING:
            self.prepared = question

    async def discard(self) -> None:
        self.prepared = ""

    def transcribe(self, text: str, *, final: bool) -> None:
        self.shown.append((text, final))

    def post(self, work: Work) -> None:
        self._posted.append(work)

    async def pass_time(self, ms: float) -> None:
        """It is that time now; timers that were due by then have gone off."""
        while due := [t for t in self._timers if not t.cancelled and t.at <= ms / 1000]:
            timer = min(due, key=lambda t: t.at)
            self._timers.remove(timer)
            self.now = timer.at
            timer.call()
            posted, self._posted = self._posted, []
            for work in posted:
                await work()
        self.now = ms / 1000

    @property
    def did(self) -> list[str]:
        return [what for _, what in self.log]


def heard(kind: type[Any], utterance: int = 1, instance: str = "a", **fields: Any) -> UtteranceEvent:
    defaults: dict[type, dict[str, Any]] = {
        SpeechStarted: {"onset_ms": 0},
        EagerEndOfTurn: {"probability": 0.9},
        TurnOver: {"end_of_turn_delay": 400, "transcription_delay": 20},
        Dismissed: {"reason": "noise"},
    }
    message: UtteranceEvent = kind(
        session="s", instance=instance, utterance=utterance, **defaults.get(kind, {}) | fields
    )
    return message


def play(talk: Talk, *script: tuple[float, UtteranceEvent | bool]) -> Talk:
    """Each message at its time, ms; True and False are a front end's user_speaking. Then a long time passes."""

    async def run() -> None:
        for at, what in script:
            await talk.pass_time(at)
            if isinstance(what, bool):
                await talk.listener.speaking(what)
            else:
                await talk.listener.hear(what)
        await talk.pass_time(60_000)

    asyncio.run(run())
    return talk


STARTED, RESUMED, DISMISSED = heard(SpeechStarted), heard(SpeechResumed), heard(Dismissed)


def words(text: str, **fields: Any) -> UtteranceEvent:
    return heard(Partial, text=text, **fields)


def likely(text: str, **fields: Any) -> UtteranceEvent:
    return heard(EagerEndOfTurn, text=text, **fields)


def over(text: str, **fields: Any) -> UtteranceEvent:
    return heard(TurnOver, text=text, **fields)


def mhm(kind: type[Any] = Partial) -> UtteranceEvent:
    return heard(kind, text="mm-hm", backchannel=True)


# --- a front end with ears of its own ---------------------------------------------------------------------------------


@pytest.mark.parametrize("lasts_ms", [0, 1, 100, 399, 400, 401, 3000])
def test_a_voice_of_known_length_interrupts_from_400_ms_on(lasts_ms: int) -> None:
    """Shorter, the answer goes on where it stopped; it has stood still since the onset either way."""
    talk = play(Talk(SPEAKING), (1000, True), (1000 + lasts_ms, False))
    if lasts_ms < LASTS_S * 1000:
        assert talk.log == [(1000, "hold turn"), (1000 + lasts_ms, "release turn")]
        assert talk.state is SPEAKING
    else:
        assert talk.log == [(1000, "hold turn"), (1400, "cancel turn")]
        assert talk.state is LISTENING


def test_a_voice_again_is_measured_anew() -> None:
    """Two short sounds are no long one; telling twice that somebody speaks does not start the measure again."""
    talk = play(Talk(SPEAKING), (0, True), (300, False), (350, True), (650, False), (700, True), (900, True))
    assert talk.log[-1] == (1100, "cancel turn")
    assert talk.did.count("release turn") == 2


def test_a_voice_while_nothing_is_answered_does_nothing() -> None:
    """Nor does one that stops without having begun."""
    assert play(Talk(LISTENING), (0, False), (100, True), (900, False)).log == []


# --- asr: what interrupts ---------------------------------------------------------------------------------------------


def test_words_interrupt() -> None:
    """Held from the onset on, cancelled with the first words; what was said becomes the next question."""
    talk = play(Talk(SPEAKING), (0, STARTED), (380, words("no wait")), (1300, over("No, wait a moment.")))
    assert talk.log == [(0, "hold turn"), (380, "cancel turn"), (1300, "answer No, wait a moment.")]


@pytest.mark.parametrize("then", [words("stop it"), words("stop"), likely("Stop."), over("Stop.")])
def test_a_single_word_interrupts_once_it_is_confirmed(then: UtteranceEvent) -> None:
    """By the next guess, whichever it is, or by the pause after it."""
    talk = play(Talk(SPEAKING), (0, STARTED), (380, words("stop")), (700, then))
    assert talk.log[:2] == [(0, "hold turn"), (700, "cancel turn")]


def test_a_misheard_syllable_does_not_interrupt() -> None:
    """ "God" that turns out to be "Got it" was a backchannel all along."""
    talk = play(Talk(SPEAKING), (0, STARTED), (380, words("God")), (900, likely("Got it.", backchannel=True)))
    assert talk.log == [(0, "hold turn"), (900, "release turn")]


def test_a_cough_does_not_interrupt() -> None:
    """The answer goes on as soon as it is known that it was nothing, and what was shown of it goes away."""
    talk = play(Talk(SPEAKING), (0, STARTED), (600, DISMISSED))
    assert talk.log == [(0, "hold turn"), (600, "release turn")]
    assert talk.shown == [("", True)]
    assert talk.state is SPEAKING


def test_a_backchannel_does_not_interrupt_however_long_it_takes() -> None:
    """ "mm-hm" lets the answer go on at its end; its later final words are no question."""
    talk = play(Talk(SPEAKING), (0, STARTED), (500, mhm()), (3000, likely("mm-hm")), (3300, mhm(TurnOver)))
    assert talk.log == [(0, "hold turn"), (3000, "release turn")]


def test_a_backchannel_that_goes_on_interrupts() -> None:
    """ "yeah" is nothing, "yeah but why" is; even where the answer went on in between it stands still at once."""
    talk = play(
        Talk(SPEAKING),
        *((0, STARTED), (300, mhm()), (600, likely("yeah")), (900, RESUMED), (1200, words("yeah but why"))),
        (2000, over("Yeah, but why?")),
    )
    assert talk.log == [
        *((0, "hold turn"), (600, "release turn"), (900, "hold turn"), (1200, "cancel turn")),
        (2000, "answer Yeah, but why?"),
    ]


def test_a_backchannel_that_ends_without_a_partial_does_not_interrupt() -> None:
    """Where no word was told before, the pause after them decides nothing; their end does."""
    talk = play(Talk(SPEAKING), (0, STARTED), (700, likely("mm-hm")), (900, mhm(TurnOver)))
    assert talk.log == [(0, "hold turn"), (900, "release turn")]


def test_ears_that_cannot_tell_in_time_let_the_voice_interrupt() -> None:
    """Counted from the onset, not from the message that told of it."""
    talk = play(Talk(SPEAKING), (1000, heard(SpeechStarted, onset_ms=90)))
    assert talk.log == [(1000, "hold turn"), (round(910 + TELLS_S * 1000), "cancel turn")]


def test_words_that_ask_nothing_while_nothing_is_answered_are_a_question() -> None:
    """ "Yes" to an avatar that has asked something is an answer, and no backchannel."""
    talk = play(Talk(LISTENING), (0, STARTED), (300, mhm()), (900, mhm(TurnOver)))
    assert talk.did == ["answer mm-hm"]


# --- a question that is added to --------------------------------------------------------------------------------------


def test_who_goes_on_while_the_avatar_thinks_adds_to_the_question() -> None:
    """The turn is done anew with both, as often as that happens."""
    talk = play(
        Talk(THINKING, "What does it cost"),
        *((0, STARTED), (300, words("per")), (800, over("per month"))),
        *((900, heard(SpeechStarted, 2)), (1200, words("in", utterance=2)), (1700, over("in euros?", utterance=2))),
    )
    assert [what for what in talk.did if what.startswith("answer")] == [
        *("answer What does it cost per month", "answer What does it cost per month in euros?")
    ]
    assert talk.did.count("cancel turn") == 2


@pytest.mark.parametrize("ended", [DISMISSED, mhm(TurnOver), heard(Dismissed, reason="lost")])
def test_a_question_is_not_lost_to_a_noise(ended: UtteranceEvent) -> None:
    """A voice that lasted, cut the thinking off and then was nothing: the question is answered after all."""
    talk = play(Talk(THINKING, "What?"), (0, STARTED), (3000, ended))
    assert talk.log == [(0, "hold turn"), (TELLS_S * 1000, "cancel turn"), (3000, "answer What?")]


def test_a_typed_question_is_not_added_to() -> None:
    """Words said after it are another question."""
    talk = play(Talk(THINKING), (0, STARTED), (300, words("no")), (900, over("No, this one.")))
    assert talk.did[-1] == "answer No, this one."


def test_something_else_forgets_what_was_cut_off() -> None:
    """Stop, or another question in writing: what is said next stands for itself."""
    talk = Talk(THINKING, "What?")

    async def run() -> None:
        await talk.listener.hear(STARTED)
        await talk.listener.hear(words("stop it"))
        talk.listener.forget()
        await talk.listener.hear(over("Stop it."))

    asyncio.run(run())
    assert talk.did[-1] == "answer Stop it."


def test_a_turn_without_words_is_nothing() -> None:
    """Blank texts ask nothing, whatever the message is called."""
    talk = play(Talk(), (0, STARTED), (100, words("")), (200, likely("  ")), (300, over(" ")))
    assert talk.did == []
    assert talk.prepared == ""


def test_of_a_question_that_is_too_long_the_end_counts() -> None:
    """A session does not break because somebody talked for minutes."""
    talk = play(Talk(), (0, STARTED), (300_000, over("so " * 2000 + "what?")))
    (answer,) = talk.did
    assert len(answer) == len("answer ") + LONGEST
    assert answer.endswith("so what?")


# --- preparing --------------------------------------------------------------------------------------------------------


def test_a_reply_is_prepared_when_the_person_is_probably_done() -> None:
    """And thrown away when they go on, or when it was nothing."""
    for end in (RESUMED, DISMISSED):
        talk = Talk()
        asyncio.run(talk.listener.hear(STARTED))
        asyncio.run(talk.listener.hear(words("what")))
        asyncio.run(talk.listener.hear(likely("What?")))
        assert talk.prepared == "What?"
        asyncio.run(talk.listener.hear(end))
        assert talk.prepared == ""


def test_a_reply_is_prepared_without_a_partial_before() -> None:
    """Short questions are over before their words were told."""
    talk = Talk()
    asyncio.run(talk.listener.hear(STARTED))
    asyncio.run(talk.listener.hear(likely("Why?")))
    assert talk.prepared == "Why?"


def test_nothing_is_prepared_for_a_backchannel() -> None:
    """There is nothing to answer."""
    talk = play(Talk(SPEAKING), (0, STARTED), (300, mhm()), (600, likely("mm-hm")))
    assert talk.prepared == ""


# --- asr dies ---------------------------------------------------------------------------------------------------------


def test_another_run_of_asr_ends_what_the_one_before_began() -> None:
    """In the middle of a word: the answer goes on; late messages of the old run do nothing."""
    talk = play(Talk(SPEAKING), (0, STARTED), (200, heard(SpeechStarted, instance="b")))
    assert talk.log[:3] == [(0, "hold turn"), (200, "release turn"), (200, "hold turn")]
    talk = Talk(SPEAKING)
    asyncio.run(talk.listener.hear(STARTED))
    asyncio.run(talk.listener.lost("b"))
    assert talk.state is SPEAKING
    asyncio.run(talk.listener.hear(words("late")))
    assert talk.did == ["hold turn", "release turn"]


def test_ears_that_are_still_there_lose_nothing() -> None:
    """The same run, told of once more, is no reason to end anything."""
    talk = Talk(SPEAKING)
    asyncio.run(talk.listener.hear(STARTED))
    asyncio.run(talk.listener.lost("a"))
    assert talk.state is PAUSED


def test_an_utterance_whose_start_was_missed_is_answered() -> None:
    """An orchestrator that came in the middle of it hears the rest."""
    assert play(Talk(), (0, words("what is")), (500, over("What is it?"))).did == ["answer What is it?"]


# --- everything -------------------------------------------------------------------------------------------------------


def utterances() -> Iterator[tuple[UtteranceEvent, ...]]:
    """Every utterance of up to four messages between its start and its end."""
    between = (words("so"), mhm(), likely("so"), RESUMED)
    for length in range(5):
        for middle in itertools.product(between, repeat=length):
            for end in (over("So?"), mhm(TurnOver), DISMISSED):
                yield (STARTED, *middle, end)


@pytest.mark.parametrize("state", [LISTENING, THINKING, SPEAKING])
@pytest.mark.parametrize("every_ms", [50, 450, 1500])
def test_after_every_utterance_nothing_is_held_and_nothing_is_lost(state: State, every_ms: int) -> None:
    """However it goes: no turn stays held, nothing stays prepared, what is shown as being said is gone; a question that
    was not over an answer is answered, one that was cut off and came to nothing too."""
    for utterance in utterances():
        talk = play(Talk(state, "First?"), *((every_ms * i, message) for i, message in enumerate(utterance)))
        last = utterance[-1]
        asks = isinstance(last, TurnOver) and not (last.backchannel and state is not LISTENING)
        cut_off = state is THINKING and "cancel turn" in talk.did
        answers = [what for what in talk.did if what.startswith("answer")]
        assert len(answers) == (asks or cut_off), utterance
        assert not talk.state.held, utterance
        assert talk.prepared == "", utterance
        assert answers or talk.shown[-1] == ("", True), utterance
