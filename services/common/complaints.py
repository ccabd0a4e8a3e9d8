"""What pydantic refuses, in plain words: a sentence that begins with the field and says what is expected of it.

Most of the words are pydantic's own. Here stands what people understand better who do not know pydantic or Python.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

OWN = "value_error"
"""pydantic's type for what our own validators refuse."""

_OBJECT = "must be a JSON object"
_WHOLE_NUMBER = "must be a whole number"
_BOOLEAN = "must be true or false"
_ADDRESS = "must be an address that begins with http:// or https://"

_WORDS = {
    "missing": "is missing",
    "string_type": "must be a string",
    "string_unicode": "must be a string in UTF-8",
    "too_short": "needs {min_length} or more items",
    "too_long": "must not have more than {max_length} items",
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": "must not have that many digits",
    "int_from_float": _WHOLE_NUMBER,
    "float_parsing": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "url_type": _ADDRESS,
    "url_parsing": _ADDRESS,
    "url_scheme": _ADDRESS,
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "is missing",
    "spelling": "must be {expected}",
}
"""What stands after the field's name, by pydantic's type of error; in braces what its context has."""

_SUBJECT = re.compile(r"^[A-Za-z ]{1,20}? should ")
"""How most of pydantic's messages begin: "Input should be a finite number", "String should have ..."."""


@dataclass(frozen=True)
class Spelled:
    """Annotates a string that has to match `pattern` as a whole. Otherwise the complaint is "must be `words`"."""

    pattern: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | {"pattern": f"^{self.pattern}$"}

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise PydanticCustomError("spelling", "must be {expected}", {"expected": self.words})
        return text


_URL = r"https?://[^\s/]+(/\S*)?"
_SUCH_AS = "an address such as http://127.0.0.1:8001/v1"
ADDRESS, ADDRESS_OR_BLANK = Spelled(_URL, _SUCH_AS), Spelled(f"({_URL})?", _SUCH_AS)
"""Annotations for a server's address; the second one also lets a blank string through."""


def field_of(error: Mapping[str, Any]) -> str:
    """The field of an error of pydantic's, as a program would write it: `messages[0].content`. Blank for the whole."""
    where = tuple(error["loc"])
    if error["type"].startswith("union_tag_"):
        where += (error["ctx"]["discriminator"].strip("'"),)
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).removeprefix(".")


def complaint(error: Mapping[str, Any], field: str) -> str:
    """What an error of pydantic's says is wrong with the field, as a sentence without its full stop.

    What our own validators say is kept as it is, after a colon.
    """
    if error["type"] == OWN:
        said: str = error["msg"].removeprefix("Value error, ")
        return f"{field}: {said}" if field else said
    if words := _WORDS.get(error["type"]):
        return f"{field} {words.format_map({key: _plain(value) for key, value in error.get('ctx', {}).items()})}"
    message: str = error["msg"]
    if _SUBJECT.match(message):
        return _SUBJECT.sub(f"{field} must ", message, count=1)
    return f"{field}: {message[:1].lower()}{message[1:]}"


def _plain(value: Any) -> Any:
    """A bound as people write it: 10 and not 10.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
