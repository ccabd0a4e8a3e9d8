"""What the documents point at is there."""

import functools
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FUNCTION = re.compile(r"`?(services(?:\.\w+)+):(\w+(?:\.\w+)*)")


def _anchors(page: Path) -> set[str]:
    """The anchors that a forge gives the page's headings."""
    headings = _HEADING.findall(page.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there, and a heading that it has."""
    for path, anchor in _LINK.findall(page.read_text("utf-8")):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {path}"
        if anchor:
            assert anchor in _anchors(target), f"{page.name}: {path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_functions_that_are_named_exist(page: Path) -> None:
    """`services.module:Class.method` can be imported: the paths that are drawn are those that the code takes."""
    for module, name in _FUNCTION.findall(page.read_text("utf-8")):
        functools.reduce(getattr, name.split("."), importlib.import_module(module))


def test_the_paths_are_drawn() -> None:
    """The architecture follows a question from the call to the sound, and a document from the file to the passage."""
    drawn = _FUNCTION.findall((ROOT / "docs" / "architecture.md").read_text("utf-8"))
    assert {module.split(".")[1] for module, _ in drawn} >= {"orchestrator_api", "rag_llm", "tts", "renderer", "asr"}
    assert len(drawn) >= 20


def test_every_decision_is_listed() -> None:
    """The list of decisions names each page of `docs/adr`."""
    listed = (ROOT / "docs" / "adr" / "README.md").read_text("utf-8")
    pages = [page.name for page in (ROOT / "docs" / "adr").glob("[0-9]*.md")]
    assert pages
    assert all(f"({name})" in listed for name in pages)
