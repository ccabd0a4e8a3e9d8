"""The session's state machine. Pure: an event in, a new state and the effects to carry out, in order.

listening ──asked──► thinking ──playback started──► speaking ──finished──► listening
thinking, speaking ──cancelled, user speaking, failed──► listening
thinking, speaking ──asked──► thinking, after the turn before is cancelled
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


class Event(StrEnum):
    ASKED = "asked"
    CANCELLED = "cancelled"
    USER_SPEAKING = "user speaking"
    USER_SILENT = "user silent"
    PLAYBACK_STARTED = "playback started"
    FINISHED = "finished"
    FAILED = "failed"


class Effect(StrEnum):
    CANCEL_TURN = "cancel turn"  # nothing more of it is heard or shown
    START_TURN = "start turn"
    FINISH_TURN = "finish turn"  # all of it was heard
    FAIL_TURN = "fail turn"  # silence it and say why
    ANNOUNCE = "announce"  # take on the new state and say so
    REFUSE = "refuse"  # the event makes no sense in this state; nothing changes


@dataclass(frozen=True, slots=True)
class Reaction:
    state: State
    effects: tuple[Effect, ...] = ()


_NEW_TURN = Reaction(State.THINKING, (Effect.START_TURN, Effect.ANNOUNCE))
_NEXT_TURN = Reaction(State.THINKING, (Effect.CANCEL_TURN, Effect.START_TURN, Effect.ANNOUNCE))
_CANCEL = Reaction(State.LISTENING, (Effect.CANCEL_TURN, Effect.ANNOUNCE))
_FINISH = Reaction(State.LISTENING, (Effect.FINISH_TURN, Effect.ANNOUNCE))
_FAIL = Reaction(State.LISTENING, (Effect.FAIL_TURN, Effect.ANNOUNCE))


def _refuse(state: State) -> Reaction:
    return Reaction(state, (Effect.REFUSE,))


_REACTIONS: dict[tuple[State, Event], Reaction] = {
    (State.LISTENING, Event.ASKED): _NEW_TURN,
    (State.LISTENING, Event.CANCELLED): _refuse(State.LISTENING),
    (State.LISTENING, Event.USER_SPEAKING): Reaction(State.LISTENING),
    (State.LISTENING, Event.USER_SILENT): Reaction(State.LISTENING),
    (State.LISTENING, Event.PLAYBACK_STARTED): _refuse(State.LISTENING),
    (State.LISTENING, Event.FINISHED): _refuse(State.LISTENING),
    (State.LISTENING, Event.FAILED): _refuse(State.LISTENING),
    (State.THINKING, Event.ASKED): _NEXT_TURN,
    (State.THINKING, Event.CANCELLED): _CANCEL,
    (State.THINKING, Event.USER_SPEAKING): _CANCEL,
    (State.THINKING, Event.USER_SILENT): Reaction(State.THINKING),
    (State.THINKING, Event.PLAYBACK_STARTED): Reaction(State.SPEAKING, (Effect.ANNOUNCE,)),
    # An answer that holds nothing to say aloud ends without having been heard.
    (State.THINKING, Event.FINISHED): _FINISH,
    (State.THINKING, Event.FAILED): _FAIL,
    (State.SPEAKING, Event.ASKED): _NEXT_TURN,
    (State.SPEAKING, Event.CANCELLED): _CANCEL,
    (State.SPEAKING, Event.USER_SPEAKING): _CANCEL,
    (State.SPEAKING, Event.USER_SILENT): Reaction(State.SPEAKING),
    (State.SPEAKING, Event.PLAYBACK_STARTED): _refuse(State.SPEAKING),
    (State.SPEAKING, Event.FINISHED): _FINISH,
    (State.SPEAKING, Event.FAILED): _FAIL,
}


def react(state: State, event: Event) -> Reaction:
    """What `event` does in `state`. Total: every pair has an answer."""
    return _REACTIONS[state, event]
