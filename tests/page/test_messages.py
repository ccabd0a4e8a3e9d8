"""The page knows every message of the control channel, with the fields that it has."""

import re
from typing import get_args

import pytest
from pydantic import BaseModel

from services.common.messages import Event, Message
from services.orchestrator_api.lib.contracts import ControlCommand
from tests.page.stand_in import PAGE

TYPEDEF = re.compile(r"@typedef \{object\} (\w+).*\n((?: \* @property .*\n)*)")
PROPERTY = re.compile(r'@property \{(?:"(\w+)"|.*?)\} \[?(\w+)')


def messages() -> list[tuple[str, type[BaseModel]]]:
    """Every event and every command, with its `type`."""
    known = [message for union in (Event, ControlCommand) for message in get_args(get_args(union)[0])]
    return [(*get_args(message.model_fields["type"].annotation), message) for message in known]


def typedefs() -> dict[str, set[str]]:
    """Fields by the value of `type`; by the name of the typedef where there is no such field."""
    found = {}
    for name, properties in TYPEDEF.findall((PAGE / "js" / "messages.js").read_text()):
        fields = PROPERTY.findall(properties)
        found[next((value for value, field in fields if field == "type"), name)] = {field for _, field in fields}
    return found


@pytest.mark.parametrize(("name", "message"), messages(), ids=[name for name, _ in messages()])
def test_a_message_has_its_typedef(name: str, message: type[BaseModel]) -> None:
    """With the same fields; what every message of the server has stands in the envelope."""
    common = set(Message.model_fields) if issubclass(message, Message) else set()
    assert typedefs()[name] == set(message.model_fields) - common


def test_there_is_no_typedef_without_a_message() -> None:
    """What is no message any more goes here too."""
    known = typedefs()
    assert known.pop("Envelope") == set(Message.model_fields)
    assert set(known) == {name for name, _ in messages()}
