"""Every message that crosses a process."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from services.common import answering, messages, utterances

UTTERANCE: dict[str, Any] = {"session": "s1", "instance": "a", "utterance": 2}

EXAMPLES: list[BaseModel] = [
    messages.State(session="s1", turn=1, state="thinking"),
    messages.Transcript(session="s1", turn=1, text="What is it?", final=True),
    messages.AnswerDelta(session="s1", turn=1, text="It is"),
    messages.Citation(session="s1", turn=1, source="a.md", title="A", quote="It is.", t=120),
    messages.UnsupportedSentence(session="s1", turn=1, text="It flies.", reason="It cites no passage."),
    messages.Caption(session="s1", turn=1, word="It", t0=0, t1=90),
    messages.Playback(session="s1", turn=1, t=100, phase="finished"),
    messages.Interrupted(session="s1", turn=1, heard_text="It"),
    messages.Metrics(session="s1", turn=1, llm_ttft=12.5, underruns_total=0),
    messages.Error(session="s1", turn=1, title="No voice", detail="The tts service is away."),
    messages.Cancel(session="s1", turn=1),
    messages.Close(session="s1"),
    utterances.SpeechStarted(**UTTERANCE, onset_ms=80),
    utterances.Partial(**UTTERANCE, text="mm-hm", backchannel=True),
    utterances.EagerEndOfTurn(**UTTERANCE, text="what is it", probability=0.8),
    utterances.SpeechResumed(**UTTERANCE),
    utterances.TurnOver(**UTTERANCE, text="What is it?", end_of_turn_delay=600, transcription_delay=80),
    utterances.Dismissed(**UTTERANCE, reason="noise"),
    utterances.ListeningEnded(**UTTERANCE, reason="fault"),
]

ANSWERS: list[BaseModel] = [
    answering.Retrieval(
        passages=[answering.Passage(id="p", source="a.md", title="A", score=0.5, quote="It is.")], ms=3.5
    ),
    answering.Delta(text="It is", citations=["p"]),
    answering.Unsupported(text="It flies.", reason="It cites no passage."),
    answering.Done(usage={"tokens": 3}),
    answering.Failed(title="Model", detail="It ran out of memory."),
]


def descendants(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for child in base.__subclasses__():
        yield child
        yield from descendants(child)


def test_every_message_has_an_example() -> None:
    """No message class is missing from the tests below, and no two share a type."""
    classes = [cls for cls in descendants(messages.Message) if "type" in cls.model_fields]
    assert {type(example) for example in EXAMPLES} == set(classes)
    assert len({cls.model_fields["type"].default for cls in classes}) == len(classes)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_every_message_survives_the_way_through_json(message: BaseModel) -> None:
    """It comes out of exactly one union as the same class with the same fields."""
    adapters: list[TypeAdapter[Any]] = [messages.EVENTS, messages.CONTROLS, utterances.UTTERANCE_EVENTS]
    unions = [a for a in adapters if message.model_dump()["type"] in str(a.json_schema()["discriminator"]["mapping"])]
    assert len(unions) == 1
    for text in (message.model_dump_json(), message.model_dump_json(exclude_none=True)):
        parsed = unions[0].validate_json(text)
        assert type(parsed) is type(message)
        assert parsed == message


@pytest.mark.parametrize("event", ANSWERS, ids=lambda m: type(m).__name__)
def test_every_answer_event_survives_the_way_through_json(event: BaseModel) -> None:
    """The events of an answer are told apart by their type."""
    parsed = answering.ANSWER_EVENTS.validate_json(event.model_dump_json())
    assert type(parsed) is type(event)
    assert parsed == event


def test_messages_say_who_when_and_which_turn() -> None:
    """Every message has an id of its own, a time, a session and a turn; unknown fields are ignored."""
    one, two = (messages.Cancel(session="s1", turn=2) for _ in range(2))
    assert one.event_id != two.event_id
    assert one.at > 1_700_000_000_000
    text = one.model_dump_json()[:-1] + ',"new":1}'
    assert messages.CONTROLS.validate_json(text) == one
    heartbeat = messages.Heartbeat(service="tts", instance="a:1")
    assert messages.Heartbeat.model_validate_json(heartbeat.model_dump_json()) == heartbeat


def test_channels_match_their_pattern() -> None:
    """Channels are found by the pattern that services subscribe; the registry's key is not a channel's name."""
    for pattern, channel in (
        (messages.CONTROL_PATTERN, messages.control_channel("s1")),
        (utterances.UTTERANCES_PATTERN, utterances.utterances_channel("s1")),
    ):
        prefix, suffix = pattern.split("*")
        assert channel == f"{prefix}s1{suffix}"
    channels = (messages.control_channel, messages.events_channel, utterances.utterances_channel, messages.registry_key)
    assert len({name("s1") for name in channels}) == 4


def test_the_old_name_of_a_message_is_understood() -> None:
    """An asr of the release before says `turn_likely_over`; it is heard all the same."""
    old = {**UTTERANCE, "type": "turn_likely_over", "text": "what is it", "probability": 0.8}
    assert isinstance(utterances.UTTERANCE_EVENTS.validate_python(old), utterances.EagerEndOfTurn)
