"""The commands of the control socket."""

import pytest
from pydantic import TypeAdapter, ValidationError

from services.orchestrator_api.lib import contracts

EXAMPLES = {
    contracts.UserSpeaking: {"type": "user_speaking", "speaking": True},
    contracts.StartReply: {"type": "start_reply", "text": "What is it?"},
    contracts.CancelReply: {"type": "cancel"},
    contracts.ChooseStyle: {"type": "set_style", "style": "night"},
}


@pytest.mark.parametrize("command", contracts.Command.__subclasses__())
def test_every_command_comes_through_the_union(command: type[contracts.Command]) -> None:
    """Every command class has an example here, is told apart by its type, and survives the way through JSON."""
    parsed = contracts.COMMANDS.validate_python(EXAMPLES[command])
    assert type(parsed) is command
    assert contracts.COMMANDS.validate_json(parsed.model_dump_json()) == parsed


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"type":"dance"}', '{"type":"user_speaking"}', '{"type":"set_style"}']
)
def test_what_is_not_a_command_is_refused(text: str) -> None:
    """Anything else is a validation error, never a crash."""
    with pytest.raises(ValidationError):
        contracts.COMMANDS.validate_json(text)


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "x" * 4001])
def test_a_question_has_to_be_one(text: str) -> None:
    """Empty, blank and endless questions are refused in both places where they can be asked."""
    with pytest.raises(ValidationError):
        contracts.Ask(text=text)
    with pytest.raises(ValidationError):
        TypeAdapter(contracts.StartReply).validate_python({"type": "start_reply", "text": text})
