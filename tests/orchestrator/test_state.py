"""The state machine, every state against every event."""

import itertools
from collections.abc import Iterator

import pytest

from services.orchestrator_api.lib.state import Effect, Event, Reaction, State, react

LISTENING, THINKING, WAITING, SPEAKING, PAUSED = State
CANCEL = (LISTENING, [Effect.CANCEL_TURN, Effect.ANNOUNCE])
FINISH = (LISTENING, [Effect.FINISH_TURN, Effect.ANNOUNCE])
FAIL = (LISTENING, [Effect.FAIL_TURN, Effect.ANNOUNCE])
NEXT = (THINKING, [Effect.CANCEL_TURN, Effect.START_TURN, Effect.ANNOUNCE])

LEGAL = {
    (LISTENING, Event.ASKED): (THINKING, [Effect.START_TURN, Effect.ANNOUNCE]),
    (LISTENING, Event.VOICE_BEGINS): (LISTENING, []),
    (LISTENING, Event.VOICE_LASTS): (LISTENING, []),
    (LISTENING, Event.VOICE_PASSES): (LISTENING, []),
    (LISTENING, Event.WORDS): (LISTENING, []),
    (THINKING, Event.ASKED): NEXT,
    (THINKING, Event.CANCELLED): CANCEL,
    (THINKING, Event.VOICE_BEGINS): (WAITING, [Effect.HOLD_TURN]),
    (THINKING, Event.VOICE_LASTS): (THINKING, []),
    (THINKING, Event.VOICE_PASSES): (THINKING, []),
    (THINKING, Event.WORDS): CANCEL,
    (THINKING, Event.PLAYBACK_STARTED): (SPEAKING, [Effect.ANNOUNCE]),
    (THINKING, Event.FINISHED): FINISH,
    (THINKING, Event.FAILED): FAIL,
    (WAITING, Event.ASKED): NEXT,
    (WAITING, Event.CANCELLED): CANCEL,
    (WAITING, Event.VOICE_BEGINS): (WAITING, []),
    (WAITING, Event.VOICE_LASTS): CANCEL,
    (WAITING, Event.VOICE_PASSES): (THINKING, [Effect.RELEASE_TURN]),
    (WAITING, Event.WORDS): CANCEL,
    (WAITING, Event.PLAYBACK_STARTED): (PAUSED, [Effect.ANNOUNCE]),
    (WAITING, Event.FINISHED): FINISH,
    (WAITING, Event.FAILED): FAIL,
    (SPEAKING, Event.ASKED): NEXT,
    (SPEAKING, Event.CANCELLED): CANCEL,
    (SPEAKING, Event.VOICE_BEGINS): (PAUSED, [Effect.HOLD_TURN, Effect.ANNOUNCE]),
    (SPEAKING, Event.VOICE_LASTS): (SPEAKING, []),
    (SPEAKING, Event.VOICE_PASSES): (SPEAKING, []),
    (SPEAKING, Event.WORDS): CANCEL,
    (SPEAKING, Event.FINISHED): FINISH,
    (SPEAKING, Event.FAILED): FAIL,
    (PAUSED, Event.ASKED): NEXT,
    (PAUSED, Event.CANCELLED): CANCEL,
    (PAUSED, Event.VOICE_BEGINS): (PAUSED, []),
    (PAUSED, Event.VOICE_LASTS): CANCEL,
    (PAUSED, Event.VOICE_PASSES): (SPEAKING, [Effect.RELEASE_TURN, Effect.ANNOUNCE]),
    (PAUSED, Event.WORDS): CANCEL,
    (PAUSED, Event.FINISHED): FINISH,
    (PAUSED, Event.FAILED): FAIL,
}
EVERY = list(itertools.product(State, Event))


@pytest.mark.parametrize(("state", "event"), EVERY)
def test_every_event_does_in_every_state_what_the_design_says(state: State, event: Event) -> None:
    """A legal event has its effects in order; any other is refused and changes nothing."""
    reaction = react(state, event)
    expected, effects = LEGAL.get((state, event), (state, [Effect.REFUSE]))
    assert reaction.state is expected
    assert list(reaction.effects) == effects


def every_path(length: int) -> Iterator[list[tuple[State, Event, Reaction]]]:
    """Each sequence of so many events, from listening on."""
    for events in itertools.product(Event, repeat=length):
        state, path = LISTENING, []
        for event in events:
            reaction = react(state, event)
            path.append((state, event, reaction))
            state = reaction.state
        yield path


def test_turns_begin_and_end_in_pairs() -> None:
    """Whatever happens, one turn is under way exactly while the session is not listening."""
    for path in every_path(4):
        running = 0
        for _, _, reaction in path:
            for effect in reaction.effects:
                running += effect is Effect.START_TURN
                running -= effect in (Effect.CANCEL_TURN, Effect.FINISH_TURN, Effect.FAIL_TURN)
                assert running in (0, 1), path
            assert running == (reaction.state is not LISTENING), path


def test_a_turn_is_held_exactly_while_the_session_waits_or_is_paused() -> None:
    """Whatever happens, no turn stays held that nobody will release, and none is released that was not held."""
    for path in every_path(4):
        held = False
        for _, _, reaction in path:
            for effect in reaction.effects:
                if effect is Effect.HOLD_TURN:
                    assert not held, path
                    held = True
                elif effect is Effect.RELEASE_TURN:
                    assert held, path
                    held = False
                elif effect in (Effect.CANCEL_TURN, Effect.FINISH_TURN, Effect.FAIL_TURN):
                    held = False
            assert held == reaction.state.held, path


def test_what_is_shown_changes_only_with_an_announcement() -> None:
    """Clients know the state: it is told each time that it looks different to them."""
    for path in every_path(3):
        for state, _, reaction in path:
            assert (state.shown == reaction.state.shown) or Effect.ANNOUNCE in reaction.effects, path
