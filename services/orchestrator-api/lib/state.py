"""The session's state machine. Pure: an event in, a new state and the effects to carry out, in order.

listening ──asked──► thinking ──playback started──► speaking ──finished──► listening
thinking, speaking, waiting, paused ──cancelled, failed──► listening
thinking, speaking, waiting, paused ──asked──► thinking, after the turn before is cancelled

A voice that sets in stops the avatar's at once, and is then found out about:

speaking ──voice begins──► paused ──voice passes──► speaking, where it stopped
thinking ──voice begins──► waiting ──voice passes──► thinking
paused, waiting ──words, voice lasts──► listening, and the turn is cancelled

A voice passes if it was a cough, a door or an "mm-hm". It interrupts with its first word, or once it lasts.
"""

from dataclasses import dataclass
from enum import StrEnum

from services.common.messages import SessionState


class State(StrEnum):
    """Whether the avatar answers, whether that is heard yet, and whether a voice holds it up."""

    LISTENING = "listening"
    THINKING = "thinking"
    WAITING = "waiting"  # thinking, but a voice is heard: the answer does not begin to sound
    SPEAKING = "speaking"
    PAUSED = "paused"  # speaking, but a voice is heard: the answer stands still

    @property
    def shown(self) -> SessionState:
        """As the public API has it, where `waiting` is `thinking`."""
        match self:
            case State.LISTENING:
                return "listening"
            case State.THINKING | State.WAITING:
                return "thinking"
            case State.SPEAKING:
                return "speaking"
            case State.PAUSED:
                return "paused"

    @property
    def held(self) -> bool:
        """Whether a voice holds the answer up."""
        return self in (State.WAITING, State.PAUSED)

    @property
    def unheard(self) -> bool:
        """Whether there is an answer of which nothing has been heard yet."""
        return self in (State.THINKING, State.WAITING)


class Event(StrEnum):
    """What happens to a conversation."""

    ASKED = "asked"
    CANCELLED = "cancelled"
    VOICE_BEGINS = "voice begins"
    VOICE_LASTS = "voice lasts"
    VOICE_PASSES = "voice passes"
    WORDS = "words"
    PLAYBACK_STARTED = "playback started"
    FINISHED = "finished"
    FAILED = "failed"


class Effect(StrEnum):
    """What has to be done about it."""

    CANCEL_TURN = "cancel turn"  # nothing more of it is heard or shown
    START_TURN = "start turn"
    FINISH_TURN = "finish turn"  # all of it was heard
    FAIL_TURN = "fail turn"  # silence it and say why
    HOLD_TURN = "hold turn"  # it stands still, silent, and can go on
    RELEASE_TURN = "release turn"  # it goes on where it stood
    ANNOUNCE = "announce"  # say the new state
    REFUSE = "refuse"  # the event makes no sense in this state; nothing changes


@dataclass(frozen=True, slots=True)
class Reaction:
    """The state after an event, and the effects to carry out on the way, in order."""

    state: State
    effects: tuple[Effect, ...] = ()


_NEW_TURN = Reaction(State.THINKING, (Effect.START_TURN, Effect.ANNOUNCE))
_NEXT_TURN = Reaction(State.THINKING, (Effect.CANCEL_TURN, Effect.START_TURN, Effect.ANNOUNCE))
_CANCEL = Reaction(State.LISTENING, (Effect.CANCEL_TURN, Effect.ANNOUNCE))
_FINISH = Reaction(State.LISTENING, (Effect.FINISH_TURN, Effect.ANNOUNCE))
_FAIL = Reaction(State.LISTENING, (Effect.FAIL_TURN, Effect.ANNOUNCE))

_LISTENING: dict[Event, Reaction] = {
    Event.ASKED: _NEW_TURN,
    Event.VOICE_BEGINS: Reaction(State.LISTENING),
    Event.VOICE_LASTS: Reaction(State.LISTENING),
    Event.VOICE_PASSES: Reaction(State.LISTENING),
    Event.WORDS: Reaction(State.LISTENING),
}
"""What is not here is refused: there is no answer that it could be about."""

_ANSWERING: dict[Event, Reaction] = {
    Event.ASKED: _NEXT_TURN,
    Event.CANCELLED: _CANCEL,
    Event.WORDS: _CANCEL,
    # An answer that holds nothing to say aloud ends without having been heard; a paused one may end as it pauses.
    Event.FINISHED: _FINISH,
    Event.FAILED: _FAIL,
}
"""The same in every state but listening."""

_OWN: dict[State, dict[Event, Reaction]] = {
    State.LISTENING: _LISTENING,
    State.THINKING: _ANSWERING
    | {
        Event.VOICE_BEGINS: Reaction(State.WAITING, (Effect.HOLD_TURN,)),
        Event.VOICE_LASTS: Reaction(State.THINKING),
        Event.VOICE_PASSES: Reaction(State.THINKING),
        Event.PLAYBACK_STARTED: Reaction(State.SPEAKING, (Effect.ANNOUNCE,)),
    },
    State.WAITING: _ANSWERING
    | {
        Event.VOICE_BEGINS: Reaction(State.WAITING),
        Event.VOICE_LASTS: _CANCEL,
        Event.VOICE_PASSES: Reaction(State.THINKING, (Effect.RELEASE_TURN,)),
        # Its first sound was out before the hold got there.
        Event.PLAYBACK_STARTED: Reaction(State.PAUSED, (Effect.ANNOUNCE,)),
    },
    State.SPEAKING: _ANSWERING
    | {
        Event.VOICE_BEGINS: Reaction(State.PAUSED, (Effect.HOLD_TURN, Effect.ANNOUNCE)),
        Event.VOICE_LASTS: Reaction(State.SPEAKING),
        Event.VOICE_PASSES: Reaction(State.SPEAKING),
    },
    State.PAUSED: _ANSWERING
    | {
        Event.VOICE_BEGINS: Reaction(State.PAUSED),
        Event.VOICE_LASTS: _CANCEL,
        Event.VOICE_PASSES: Reaction(State.SPEAKING, (Effect.RELEASE_TURN, Effect.ANNOUNCE)),
    },
}


def react(state: State, event: Event) -> Reaction:
    """What `event` does in `state`. Total: every pair has an answer."""
    return _OWN[state].get(event, Reaction(state, (Effect.REFUSE,)))


REFUSALS = {
    Event.CANCELLED: "there is no answer to cancel.",
    Event.PLAYBACK_STARTED: "nothing can begin to play now.",
    Event.FINISHED: "there is no answer that could end.",
    Event.FAILED: "there is no answer that could fail.",
}
"""What to say about an event that is refused."""
