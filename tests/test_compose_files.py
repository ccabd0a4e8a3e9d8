"""What docker/ says, checked without an engine: settings reach the services that read them, pins, shared layers."""

import json
import re
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from services.asr.settings import AsrSettings
from services.common.settings import Settings
from services.orchestrator_api.settings import OrchestratorSettings
from services.rag_llm.settings import RagSettings
from services.renderer.settings import RendererSettings
from services.stack.environment import ROOT
from services.tts.settings import TtsSettings

DOCKER = ROOT / "docker"


class Loader(yaml.SafeLoader):
    """Compose's own tags, `!override` and `!reset`, mean the value behind them."""


Loader.add_multi_constructor(
    "!", lambda loader, _, node: loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else None
)


def composed() -> dict[str, Any]:
    services: dict[str, Any] = yaml.load((DOCKER / "compose.yml").read_text(), Loader)["services"]
    return services


def stage(dockerfile: str, name: str) -> str:
    """The lines of a stage, from its FROM to the next one's comment."""
    found = re.search(rf"^FROM \S+ AS {name}$.*?(?=\n\n|\Z)", dockerfile, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


@pytest.mark.parametrize(
    ("service", "settings"),
    [
        ("orchestrator-api", OrchestratorSettings),
        ("rag-llm", RagSettings),
        ("tts", TtsSettings),
        ("renderer", RendererSettings),
        ("asr", AsrSettings),
    ],
)
def test_every_setting_of_a_service_reaches_its_container(service: str, settings: type[Settings]) -> None:
    """A key of `.env` that a service reads, and compose does not hand on, would be a setting without effect."""
    given = set(composed()[service]["environment"])
    assert {key.upper() for key in settings.model_fields} - {key.upper() for key in Settings.model_fields} <= given
    assert {"HOST", "REDIS_URL", "LOG_LEVEL", "LOG_FORMAT"} <= given


def test_every_variable_of_the_gateway_reaches_its_container() -> None:
    """All but those that say where Redis is, which compose states whole."""
    source = (ROOT / "services/sfu-gateway/config/config.go").read_text()
    listed = re.search(r"var Environment = \[\]string\{(.*?)\}", source, re.DOTALL)
    assert listed
    read = set(re.findall(r'"(\w+)"', listed[1]))
    assert read - {"PORT_OFFSET", "HOST", "REDIS_PORT"} <= set(composed()["sfu-gateway"]["environment"])


def test_secrets_go_only_where_they_are_used() -> None:
    """No container is given a secret that it does not need."""
    for name, service in composed().items():
        given = {key for key in service.get("environment", {}) if key.endswith(("_SECRET", "_KEY"))}
        allowed = {
            "orchestrator-api": {"TOKEN_SECRET", "TURN_SECRET"},
            "sfu-gateway": {"TOKEN_SECRET"},
            "rag-llm": {"VLLM_API_KEY"},
            "vllm": {"VLLM_API_KEY"},
            "asr": {"ASR_OPENAI_KEY"},
            "coturn": {"TURN_SECRET"},
        }
        assert given <= allowed.get(name, set()), name


def test_defaults_are_those_of_the_env_file() -> None:
    """`${KEY:-default}` says the same as `.env`, so that compose without the file is no other product."""
    file = dotenv_values(ROOT / ".env")
    for path in DOCKER.glob("*.yml"):
        for key, default in re.findall(r"\$\{([A-Z_]+):-([^${}]*)\}", path.read_text()):
            if file.get(key):
                assert default == file[key], f"{path.name}: {key}"


def test_the_env_file_is_found_however_compose_is_called() -> None:
    """`-f docker/compose.yml` looks for it beside that file, a bare `docker compose` in the root."""
    assert (DOCKER / ".env").resolve() == (ROOT / ".env").resolve()
    assert dotenv_values(ROOT / ".env")["COMPOSE_FILE"] == "docker/compose.yml"


def test_images_are_pinned_by_literal_tags() -> None:
    """Nothing is `latest`, nothing is chosen by a variable, and a digest would tie everybody to one architecture."""
    named = [s["image"] for s in composed().values() if "build" not in s]
    for path in DOCKER.glob("*.Dockerfile"):
        text = path.read_text()
        stages = set(re.findall(r"^FROM \S+ AS (\S+)", text, re.MULTILINE))
        named += [base for base in re.findall(r"^FROM (\S+)", text, re.MULTILINE) if base not in stages]
    assert len(named) > 8
    for image in named:
        assert re.fullmatch(r"[\w./-]+:(?!latest)[\w.-]+", image), image


def test_images_share_their_first_layers() -> None:
    """Stages of one name are the same to the letter, which is what makes the builder share them."""
    files = {path.name: path.read_text() for path in DOCKER.glob("*.Dockerfile")}
    pythons = {stage(text, "python") for name, text in files.items() if name != "sfu.Dockerfile"}
    assert len(pythons) == 1
    assert "pip install" in pythons.pop()
    torches = {stage(files[name], "torch") for name in ("renderer.Dockerfile", "tts.Dockerfile")}
    assert len(torches) == 1
    assert "requirements-torch.lock" in torches.pop()


def test_every_image_is_confined_and_says_how_it_is() -> None:
    """No root, a health check, a stop signal, in each stage that runs; sources come after dependencies."""
    for path in DOCKER.glob("*.Dockerfile"):
        text = path.read_text()
        runs = len(re.findall(r"^(?:CMD|ENTRYPOINT) ", text, re.MULTILINE))
        for line in ("USER 65532:65532", "STOPSIGNAL SIGTERM", "HEALTHCHECK "):
            assert text.count(line) == runs, f"{path.name}: {line}"
        dependencies = re.search(r"pip install|go mod download", text)
        sources = re.search(r"^COPY services/(__init__\.py|sfu-gateway \.)", text, re.MULTILINE)
        assert dependencies
        assert sources
        assert dependencies.start() < sources.start(), path.name


def test_the_dashboard_shows_metrics_that_there_are() -> None:
    """Every name in the dashboard is one that a service exports."""
    dashboard = json.loads((DOCKER / "observability/grafana/dashboards/flashback.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    ours = (ROOT / "services/common/metrics.py").read_text()
    gateways = (ROOT / "services/sfu-gateway/metrics/metrics.go").read_text()
    for name in set(re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b", asked)) - {"histogram_quantile"}:
        base = name.removesuffix("_bucket")
        assert f'"{base}"' in ours + gateways or base.startswith("process_"), name
