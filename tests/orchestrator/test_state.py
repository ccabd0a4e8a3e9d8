"""The state machine, every state against every event."""

import itertools

import pytest

from services.orchestrator_api.lib.state import Effect, Event, State, react

LISTENING, THINKING, SPEAKING = State.LISTENING, State.THINKING, State.SPEAKING

LEGAL = {
    (LISTENING, Event.ASKED): (THINKING, [Effect.START_TURN, Effect.ANNOUNCE]),
    (LISTENING, Event.USER_SPEAKING): (LISTENING, []),
    (LISTENING, Event.USER_SILENT): (LISTENING, []),
    (THINKING, Event.ASKED): (THINKING, [Effect.CANCEL_TURN, Effect.START_TURN, Effect.ANNOUNCE]),
    (THINKING, Event.CANCELLED): (LISTENING, [Effect.CANCEL_TURN, Effect.ANNOUNCE]),
    (THINKING, Event.USER_SPEAKING): (LISTENING, [Effect.CANCEL_TURN, Effect.ANNOUNCE]),
    (THINKING, Event.USER_SILENT): (THINKING, []),
    (THINKING, Event.PLAYBACK_STARTED): (SPEAKING, [Effect.ANNOUNCE]),
    (THINKING, Event.FINISHED): (LISTENING, [Effect.FINISH_TURN, Effect.ANNOUNCE]),
    (THINKING, Event.FAILED): (LISTENING, [Effect.FAIL_TURN, Effect.ANNOUNCE]),
    (SPEAKING, Event.ASKED): (THINKING, [Effect.CANCEL_TURN, Effect.START_TURN, Effect.ANNOUNCE]),
    (SPEAKING, Event.CANCELLED): (LISTENING, [Effect.CANCEL_TURN, Effect.ANNOUNCE]),
    (SPEAKING, Event.USER_SPEAKING): (LISTENING, [Effect.CANCEL_TURN, Effect.ANNOUNCE]),
    (SPEAKING, Event.USER_SILENT): (SPEAKING, []),
    (SPEAKING, Event.FINISHED): (LISTENING, [Effect.FINISH_TURN, Effect.ANNOUNCE]),
    (SPEAKING, Event.FAILED): (LISTENING, [Effect.FAIL_TURN, Effect.ANNOUNCE]),
}
EVERY = list(itertools.product(State, Event))


@pytest.mark.parametrize(("state", "event"), EVERY)
def test_every_event_does_in_every_state_what_the_design_says(state: State, event: Event) -> None:
    """A legal event has its effects in order; any other is refused and changes nothing."""
    reaction = react(state, event)
    expected, effects = LEGAL.get((state, event), (state, [Effect.REFUSE]))
    assert reaction.state is expected
    assert list(reaction.effects) == effects


def test_turns_begin_and_end_in_pairs() -> None:
    """Whatever happens, one turn is under way exactly while the session is not listening."""
    for events in itertools.product(Event, repeat=4):
        state, running = State.LISTENING, 0
        for event in events:
            reaction = react(state, event)
            for effect in reaction.effects:
                running += effect is Effect.START_TURN
                running -= effect in (Effect.CANCEL_TURN, Effect.FINISH_TURN, Effect.FAIL_TURN)
                assert running in (0, 1), events
            state = reaction.state
            assert running == (state is not State.LISTENING), events
