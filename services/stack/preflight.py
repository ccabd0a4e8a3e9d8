"""What is looked at before anything starts: the settings, and the ports that are to be listened on."""

import difflib
from collections.abc import Iterable, Mapping, Sequence

from pydantic import ValidationError

from services.asr.settings import AsrSettings
from services.common.settings import complaints
from services.orchestrator_api.settings import OrchestratorSettings
from services.rag_llm.settings import RagSettings
from services.renderer.settings import RendererSettings
from services.stack.processes import Process, StackError, free_offset
from services.tts.settings import TtsSettings

SETTINGS = (AsrSettings, OrchestratorSettings, RagSettings, RendererSettings, TtsSettings)
OTHERS_SETTINGS = frozenset({"SFU_BIND", "SFU_UDP_PORT", "SFU_ADVERTISE", "TURN_EXTERNAL_IP", "COMPOSE_FILE"})
"""Keys of `.env` that only the gateway or compose read."""


def known_settings() -> frozenset[str]:
    """Every key that something here reads."""
    return OTHERS_SETTINGS.union(*({key.upper() for key in settings.model_fields} for settings in SETTINGS))


def unknown_settings(keys: Iterable[str]) -> list[str]:
    """A sentence for each key of `.env` that nothing here reads, with the one that was probably meant."""
    known = known_settings()
    sentences = []
    for key in keys:
        if key not in known and not key.startswith("COMPOSE_"):  # compose has many of its own
            near = difflib.get_close_matches(key.upper(), known, 1)
            meant = f"; did you mean {near[0]}?" if near else "."
            sentences.append(f"{key} in .env is not a setting of FlashbackAvatars{meant}")
    return sentences


def check_settings(env: Mapping[str, str]) -> None:
    """Raises StackError for what the services would refuse to start with."""
    wrong = set[str]()
    for settings in SETTINGS:
        try:
            settings.model_validate(
                {key.lower(): value for key, value in env.items() if key.lower() in settings.model_fields}
            )
        except ValidationError as error:
            wrong.update(complaints(error))
    if wrong:
        raise StackError("\n".join(sorted(wrong)))


def check_ports(parts: Sequence[Process], env: Mapping[str, str]) -> None:
    """Raises StackError for a port that two processes would listen on, and for one that somebody else listens on, with
    a block of ports that is free."""
    first: dict[int, str] = {}
    for part in parts:
        if (other := first.setdefault(part.port, part.name)) != part.name:
            raise StackError(f"{other} and {part.name} are both set to port {part.port}; give one of them another.")
    for part in parts:
        if taken := part.taken_port():
            raise StackError(
                f"Port {taken} ({part.name}) is in use: stop what listens there, "
                f"or move all ports: PORT_OFFSET={free_offset(env)} make up"
            )
