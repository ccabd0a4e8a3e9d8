"""The services that a session cannot do without."""

from collections.abc import Iterator
from dataclasses import dataclass

from services.orchestrator_api.lib.upstream.gateway import Gateway
from services.orchestrator_api.lib.upstream.http import Service
from services.orchestrator_api.lib.upstream.rag import Rag
from services.orchestrator_api.lib.upstream.renderer import Renderer
from services.orchestrator_api.lib.upstream.tts import Tts


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a session cannot do without."""

    rag: Rag
    tts: Tts
    renderer: Renderer
    gateway: Gateway

    def __iter__(self) -> Iterator[Service]:
        return iter((self.rag, self.tts, self.renderer, self.gateway))
