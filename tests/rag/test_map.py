"""`docs/answers.md` maps the service."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "services/rag-llm"
MAP = (ROOT / "docs/answers.md").read_text("utf-8")


def test_the_map_is_complete() -> None:
    """Each room's table names each of its modules, and nothing that is not there."""
    rooms = re.split(r"^### (\w+):", MAP, flags=re.MULTILINE)
    mapped = {
        f"{room}/{path}"
        for room, text in zip(rooms[1::2], rooms[2::2], strict=True)
        for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
        for path in re.findall(r"`([\w/]+\.py)`", row)
    }
    there = {path.relative_to(SERVICE).as_posix() for path in SERVICE.rglob("*.py") if path.name != "__init__.py"}
    assert mapped == {path for path in there if "/" in path}


def test_the_ways_of_a_document_and_of_a_question_are_true() -> None:
    """Each class and function that their steps name is defined."""
    steps = re.findall(r"^\d\. .*\n(?:   .*\n)*", MAP, re.MULTILINE)
    named = {name for step in steps for name in re.findall(r"`([A-Za-z]\w+(?:\.[a-z]\w+)?)`", step)}
    assert len(named) > 15
    settings = {"excerpt_words", "answer_threshold"}
    assert named - settings <= {name for path in SERVICE.rglob("*.py") for name in defined(path)}


def defined(path: Path) -> Iterator[str]:
    """`function`, `Class` and `Class.method` of a module."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{inner.name}" for inner in node.body if hasattr(inner, "name"))
