"""One turn's latencies: when each stage first gave something, in ms after the question came in."""

from collections.abc import Callable
from typing import Any, Literal

from prometheus_client import Histogram

from services.common import metrics

Stage = Literal["rag_retrieval_latency", "llm_ttft", "llm_ttfs", "tts_ttfb", "tts_ttfa", "render_ttff", "e2e_latency"]

# tts and renderer have histograms of their own, which count from what they were given and not from the question.
_HISTOGRAMS: dict[Stage, Histogram] = {
    "rag_retrieval_latency": metrics.RAG_RETRIEVAL_LATENCY,
    "llm_ttft": metrics.LLM_TTFT,
    "llm_ttfs": metrics.LLM_TTFS,
    "e2e_latency": metrics.E2E_LATENCY,
}


class Waterfall:
    """`clock` gives seconds on any steady clock. Stages may be reached before it is known when the question came in:
    an answer that is generated preemptively. Until `start` nothing is counted."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start: float | None = None
        self._reached: dict[Stage, float] = {}

    def start(self, at: float) -> None:
        """The question came in `at` this time of the clock; for a spoken one, that is the end of the voice."""
        self._start = at
        for stage, reached in self._reached.items():
            self._count(stage, reached)

    def mark(self, stage: Stage) -> None:
        """The stage gave its first. Only the first time counts."""
        if stage not in self._reached:
            self._reached[stage] = self._clock()
            self._count(stage, self._reached[stage])

    def now_ms(self) -> float:
        """Since the question, ms."""
        return self._after_ms(self._clock())

    def put(self, stage: Stage, ms: float) -> None:
        """A stage that somebody else timed, ms after the question."""
        self._reached.setdefault(stage, (self._start or 0.0) + ms / 1000)

    def numbers(self) -> dict[str, Any]:
        """Fields of `messages.Metrics`; what was not reached is absent."""
        return {str(stage): self._after_ms(at) for stage, at in self._reached.items()}

    def _after_ms(self, at: float) -> float:
        """What was ready before the question was over took no time."""
        return 0.0 if self._start is None else max(0.0, round((at - self._start) * 1000, 1))

    def _count(self, stage: Stage, at: float) -> None:
        if self._start is not None and stage in _HISTOGRAMS:
            _HISTOGRAMS[stage].observe(self._after_ms(at) / 1000)
