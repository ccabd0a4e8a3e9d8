"""One place of settings: what stands in `.env` is read, and what is read stands in `.env`."""

import re
from importlib import import_module

import pytest
from pydantic import ValidationError

from services.common.settings import Settings, complaints
from services.stack import preflight, up
from services.stack.environment import ROOT
from services.stack.processes import StackError

SETTINGS_MODULES = [
    "services.asr.settings",
    "services.orchestrator_api.settings",
    "services.rag_llm.settings",
    "services.renderer.settings",
    "services.tts.settings",
]

COMPOSES_OWN = {"COMPOSE_FILE"}
"""Keys that `docker compose` itself reads."""


def keys_of_the_file() -> dict[str, str]:
    """Key to the comment above it."""
    keys: dict[str, str] = {}
    comment = ""
    for line in (ROOT / ".env").read_text().splitlines():
        if line.startswith("#"):
            comment = line
        elif "=" in line:
            keys[line.split("=")[0]] = comment
        else:
            comment = ""
    return keys


def keys_that_are_read() -> set[str]:
    for module in SETTINGS_MODULES:
        import_module(module)
    classes: list[type[Settings]] = [Settings, *all_subclasses(Settings)]
    python = {name.upper() for settings in classes for name in settings.model_fields}
    gateway = (ROOT / "services/sfu-gateway").rglob("*.go")
    go = {
        key
        for path in gateway
        for key in re.findall(r'"([A-Z][A-Z_]+)"', path.read_text())
        if key in keys_of_the_file()
    }
    compose = {
        key
        for path in (ROOT / "docker").glob("*.yml")
        for key in re.findall(r"\$\{([A-Z][A-Z_]+)\b", path.read_text())
        if key in keys_of_the_file()
    }
    return python | go | compose | COMPOSES_OWN


def all_subclasses(cls: type[Settings]) -> list[type[Settings]]:
    return [c for sub in cls.__subclasses__() for c in (sub, *all_subclasses(sub))]


def test_every_key_of_the_file_is_read() -> None:
    """A key that nobody reads would be a lie to whoever sets it."""
    assert set(keys_of_the_file()) - keys_that_are_read() == set()


def test_every_key_that_is_read_is_in_the_file() -> None:
    """A key that is not in the file could not be found by whoever needs it."""
    assert keys_that_are_read() - set(keys_of_the_file()) == set()


def test_every_key_that_is_read_is_known() -> None:
    """`make up` takes no key for a typing error that somebody reads, and knows none that nobody does."""
    assert preflight.known_settings() == keys_that_are_read()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("PORT_OFSET", ["PORT_OFSET in .env is not a setting of FlashbackAvatars; did you mean PORT_OFFSET?"]),
        ("tts_voice", ["tts_voice in .env is not a setting of FlashbackAvatars; did you mean TTS_VOICE?"]),
        ("SFU_ADVERTIZE", ["SFU_ADVERTIZE in .env is not a setting of FlashbackAvatars; did you mean SFU_ADVERTISE?"]),
        ("MY_OWN_FLAG_QQ", ["MY_OWN_FLAG_QQ in .env is not a setting of FlashbackAvatars."]),
        ("COMPOSE_PROFILES", []),
        ("AVATAR", []),
    ],
)
def test_a_misspelt_key_is_noticed(
    key: str, said: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each key of the file that nobody reads, with the nearest that is read; before anything starts."""
    monkeypatch.setattr(up, "written", lambda: {key: "1"})
    with pytest.raises(StackError):
        up.up({"TTS_ENGINE": "nonsense"})
    assert capsys.readouterr().err.splitlines() == said


def test_every_key_has_a_comment() -> None:
    """Each key is explained where it stands."""
    bare = [key for key, comment in keys_of_the_file().items() if len(comment) < 10]
    assert [key for key in bare if not key.endswith(("_PORT", "_URL"))] == []


@pytest.mark.parametrize("key", ["BUFFER_SECONDS", "PORT_OFFSET"])
def test_the_environment_wins_over_the_file(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the shell overrides the file's line."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv(key, "7")
    assert getattr(Settings(), key.lower()) == 7


def test_defaults_equal_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Without the file every shared setting has the value that the file states."""
    for key in keys_of_the_file():
        monkeypatch.delenv(key, raising=False)
    monkeypatch.chdir(ROOT)
    assert Settings() == Settings(_env_file=None)  # type: ignore[call-arg]  # pydantic-settings' own argument


def test_a_refused_secret_is_not_shown() -> None:
    """The sentence about a wrong setting quotes its value, but never a secret's."""
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"token_secret": ["hunter2"], "port_offset": "abc"})
    said = "\n".join(complaints(refused.value))
    assert "TOKEN_SECRET" in said
    assert "'abc'" in said
    assert "hunter2" not in said
