"""What is refused is refused in plain words, whatever was sent and wherever."""

import json
import math
from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from services.asr.api import AvatarClause, ListenRequest
from services.common.answering import Question
from services.common.errors import invalid_request
from services.common.settings import Settings, complaints
from services.common.speech import Speech
from services.orchestrator_api.lib.contracts import COMMANDS, Ask, Offer, StyleWanted, Which
from services.rag_llm.api.openai import CompletionRequest
from services.rag_llm.api.search import SearchRequest
from services.renderer.api import NewSession as Face
from services.renderer.api import StyleChoice, UpTo
from services.tts.server import SpeakRequest

BODIES: list[type[BaseModel]] = [
    *(Ask, Offer, StyleWanted, Which),
    *(Question, SearchRequest, CompletionRequest),
    *(Face, Speech, StyleChoice, UpTo),
    *(ListenRequest, AvatarClause, SpeakRequest),
]

VALUES: list[Any] = [
    *(None, True, 5, 0, -1, 1.5, 10**30, math.nan, math.inf),
    *("", " ", "a/b", "a b", "nobody", "\x00", "x" * 70_000, "http://", "ftp://x", "9" * 5000),
    *([], [None], [5], [{}], [{"t0": "x", "t1": -1, "pcm_b64": "!"}], [{"t": 0, "v": "XX"}], [{"role": "x"}], {}),
]

PYDANTICS = ("Input", "should", "Field required", "pattern", "parse", "Value error", "Assertion")
"""Words of pydantic's sentences that are not for people."""


@pytest.mark.parametrize("body", BODIES, ids=lambda body: f"{body.__module__}.{body.__name__}")
def test_every_refusal_is_in_our_own_words(body: type[BaseModel]) -> None:
    """For every body of every service and every wrong value of every field: sentences that begin with the field."""
    refusals = 0
    bodies: list[Any] = [[], "x", None, {}, *({field: value} for field in body.model_fields for value in VALUES)]
    for sent in bodies:
        try:
            body.model_validate(sent)
        except ValidationError as error:
            refusals += 1
            for each in invalid_request(error.errors()).more["errors"]:
                said = each["message"]
                assert not any(word in said for word in PYDANTICS), (sent, said)
                assert said.endswith("."), said
                assert said.startswith((each["field"], "The body")), said
    assert refusals > 4


@pytest.mark.parametrize(
    ("adapter", "sent", "said"),
    [
        (Ask, {}, "text is missing."),
        (Ask, {"text": 7}, "text must be a string."),
        (Ask, {"text": "x" * 4001}, "text must have at most 4000 characters."),
        (Ask, {"text": " "}, "text: there is nothing but white space in it."),
        (Ask, {"text": "Hi", "session": "../etc"}, "session must be 1 to 64 of the characters A-Z, a-z, 0-9, _ and -."),
        (UpTo, {"turn": 0}, "turn must be 1 or more."),
        (UpTo, {"turn": math.nan}, "turn must be a finite number."),
        (CompletionRequest, {"messages": [{"role": "user"}]}, "messages[0].content is missing."),
        (Offer, {"sdp": "v=0", "type": "answer"}, "type must be 'offer'."),
        (Speech, {}, "session is missing. sr is missing. chunks is missing."),
        (
            Speech,
            {"session": "s", "sr": 16000, "chunks": [{"t0": 9, "t1": 9, "pcm_b64": ""}]},
            "chunks: t1 9 is not after t0 9.",
        ),
        (Ask, [], "The body is not a JSON object, sent with content-type: application/json."),
    ],
)
def test_the_sentence_names_the_field_and_what_is_expected(adapter: Any, sent: Any, said: str) -> None:
    """As whoever sent it reads it."""
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(adapter).validate_python(sent)
    assert invalid_request(refused.value.errors()).detail == said


class Rare(BaseModel):
    """Fields for which there are no words of our own."""

    model_config = ConfigDict(extra="forbid")

    day: date = date(2026, 1, 1)
    pair: tuple[int, int] = (1, 2)
    share: float = 0.5
    names: list[str] = []


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"day": []}, "day must be a valid date."),
        ({"pair": 5}, "pair must be a valid tuple."),
        ({"share": []}, "share must be a valid number."),
        ({"names": "x"}, "names must be a valid list."),
        ({"colour": "red"}, "colour: extra inputs are not permitted."),
    ],
)
def test_what_has_no_words_of_ours_has_pydantics(sent: dict[str, Any], said: str) -> None:
    """In our form: the field first, and what it must be."""
    with pytest.raises(ValidationError) as refused:
        Rare.model_validate(sent)
    assert invalid_request(refused.value.errors()).detail == said


def test_a_setting_is_refused_in_the_same_words() -> None:
    """And quoted, so that it is found."""
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"port_offset": "abc", "log_format": "xml", "buffer_seconds": -1})
    assert complaints(refused.value) == [
        "PORT_OFFSET must be a whole number, but it is 'abc'.",
        "BUFFER_SECONDS must be more than 0, but it is -1.",
        "LOG_FORMAT must be 'console' or 'json', but it is 'xml'.",
    ]


def test_the_pattern_of_a_string_stays_in_the_documentation() -> None:
    """Programs read the pattern where people read words."""
    assert json.dumps(Which.model_json_schema()).count("^[A-Za-z0-9_-]{1,64}$") == 1
    assert COMMANDS.json_schema()
