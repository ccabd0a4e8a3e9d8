"""One name means one thing, in all services."""

import ast
from collections import defaultdict
from pathlib import Path

SERVICES = Path(__file__).parents[1] / "services"

SAME_IN_EACH = {
    "Engine": "what renders, here a voice and there a face, behind the service's own protocol",
    "Session": "the session, as the orchestrator and as the renderer keep it",
    "SessionRegistry": "the sessions that are open in this service",
    "State": "a session's state, and the event that tells of it",
    "Styles": "the presets, as the renderer tells them and as the orchestrator passes them on",
    "Voice": "a voice, as tts has it and as the orchestrator names it to tts",
}
"""Public classes that several services have, each for the same thing."""


def _public_classes() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for path in SERVICES.glob("**/*.py"):
        service = path.relative_to(SERVICES).parts[0]
        if (SERVICES / service).is_symlink():
            continue
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].add(str(path.relative_to(SERVICES)))
    return found


def test_a_public_class_has_its_name_alone() -> None:
    """A name that stands twice is listed above with what it means in each, and none is listed that does not."""
    twice = {name for name, paths in _public_classes().items() if len(paths) > 1}
    assert twice == set(SAME_IN_EACH)
