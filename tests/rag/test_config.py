"""`config.yaml`: every key is known, bounded and explained."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.rag_llm.settings import CONFIG_FILE, RagSettings, read_config


def test_every_key_has_a_comment() -> None:
    """Each key stands under a line that says what it does."""
    lines = CONFIG_FILE.read_text("utf-8").splitlines()
    keys = [n for n, line in enumerate(lines) if line.startswith("  ") and not line.strip().startswith("#")]
    assert len(keys) > 15
    assert [lines[n] for n in keys if not lines[n - 1].strip().startswith("#")] == []


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("  rrf_k: 60", "  rrf: 60", "retrieval.rrf_k"),
        ("  max_tokens: 220", "  max_tokens: many", "vllm.max_tokens"),
        ("  threads: 2", "  threads: 0", "embedding.threads"),
        ("  passages: 6", "  passages: 6\n  more: 1", "retrieval.more"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, key: str) -> None:
    """A key that is missing, unknown or out of bounds is refused by its name."""
    text = CONFIG_FILE.read_text("utf-8")
    assert old in text
    (tmp_path / "config.yaml").write_text(text.replace(old, new), "utf-8")
    with pytest.raises(ValidationError, match=key):
        read_config(tmp_path / "config.yaml")


def test_blank_folders_are_the_usual_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not the working directory, which a blank path would be."""
    monkeypatch.setenv("CORPUS_DIR", "")
    monkeypatch.setenv("INDEX_DIR", "")
    settings = RagSettings()
    assert (settings.corpus_dir, settings.index_dir) == (Path("corpus"), Path(".run/index"))
