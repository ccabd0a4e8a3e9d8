"""One turn's latencies: when each stage first gave something, in ms after the question came in."""

from collections.abc import Callable
from typing import Any, Literal

from prometheus_client import Histogram

from services.common import metrics

Stage = Literal["rag_retrieval_latency", "llm_ttft", "llm_ttfs", "tts_ttfb", "tts_ttfa", "render_ttff", "e2e_latency"]

# The voice's and the face's own histograms are theirs: counted from what they were given, not from the question.
_HISTOGRAMS: dict[Stage, Histogram] = {
    "rag_retrieval_latency": metrics.RAG_RETRIEVAL_LATENCY,
    "llm_ttft": metrics.LLM_TTFT,
    "llm_ttfs": metrics.LLM_TTFS,
    "e2e_latency": metrics.E2E_LATENCY,
}


class Waterfall:
    """`clock` gives seconds on any steady clock; the question comes in when this is made."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start = clock()
        self._reached: dict[Stage, float] = {}

    def mark(self, stage: Stage) -> None:
        """The stage gave its first. Only the first time counts."""
        if stage not in self._reached:
            ms = self.now_ms()
            self._reached[stage] = ms
            if stage in _HISTOGRAMS:
                _HISTOGRAMS[stage].observe(ms / 1000)

    def now_ms(self) -> float:
        """Since the question, ms."""
        return round((self._clock() - self._start) * 1000, 1)

    def put(self, stage: Stage, ms: float) -> None:
        """A stage that somebody else timed."""
        self._reached.setdefault(stage, round(ms, 1))

    def numbers(self) -> dict[str, Any]:
        """Fields of `messages.Metrics`; what was not reached is absent."""
        return {str(stage): ms for stage, ms in self._reached.items()}
