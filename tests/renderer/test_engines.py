"""Which engine draws, and what happens where the chosen one cannot."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from services.renderer.echomimic.recipe import recipe_of
from services.renderer.engine import EngineUnavailableError
from services.renderer.engines import load_engine
from services.renderer.settings import RendererSettings
from tests.renderer.faces import FOLDER

with_torch = pytest.mark.skipif(find_spec("torch") is not None, reason="torch is here, so its absence cannot be seen")


def settings(**changed: object) -> RendererSettings:
    return RendererSettings.model_validate({"render_cache_dir": FOLDER, "render_engine": "echomimic", **changed})


@with_torch
def test_echomimic_without_its_environment_says_what_to_do() -> None:
    """Where there is no torch, the sentence names the make target."""
    with pytest.raises(EngineUnavailableError, match="make setup-echomimic"):
        load_engine(settings())


def test_the_fallback_draws_where_the_engine_cannot() -> None:
    """RENDER_FALLBACK=portrait degrades instead of refusing, with a face that it has."""
    engine = load_engine(settings(render_fallback="portrait", avatar="somebody", models_dir=Path("nowhere")))
    assert engine.name == "portrait"
    assert "somebody" not in engine.avatars


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"echomimic_window": 9, "echomimic_overlap": 9}, "overlap"),
        ({"echomimic_steps": 4}, "Step 5 cannot be guided"),
        ({"echomimic_size": 500}, "500 pixels"),
        ({"echomimic_window": 49}, "BUFFER_SECONDS"),
    ],
)
def test_settings_that_do_not_go_together_are_a_sentence(changed: dict[str, object], said: str) -> None:
    """What cannot work is refused before anything is loaded, by name."""
    with pytest.raises(EngineUnavailableError, match=said):
        recipe_of(settings(**changed))


def test_steps_are_read_as_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """ECHOMIMIC_GUIDED_STEPS is numbers with commas; none at all turns guidance off."""
    monkeypatch.setenv("ECHOMIMIC_GUIDED_STEPS", "0, 2")
    assert RendererSettings().echomimic_guided_steps == (0, 2)
    monkeypatch.setenv("ECHOMIMIC_GUIDED_STEPS", "")
    assert RendererSettings().echomimic_guided_steps == ()
