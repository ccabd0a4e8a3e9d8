"""The metrics of one turn's path, under the field's own names. Latencies are in seconds, as is usual in Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

_BUCKETS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


def _latency(name: str, what: str) -> Histogram:
    return Histogram(name, what, buckets=_BUCKETS)


E2E_LATENCY = _latency("e2e_latency", "Question in (spoken: its last sound) to first voiced audio out, s")
END_OF_TURN_DELAY = _latency("end_of_turn_delay", "Last sound of a voice to its turn being over, s")
TRANSCRIPTION_DELAY = _latency("transcription_delay", "End of a turn decided to its words known, s")
INTERRUPTION_DETECTION_DELAY = _latency(
    "interruption_detection_delay", "Onset of a voice to its counting as an interruption, s"
)
RAG_RETRIEVAL_LATENCY = _latency("rag_retrieval_latency", "Question in to passages found, s")
LLM_TTFT = _latency("llm_ttft", "Question in to the first words of the answer, s")
LLM_TTFS = _latency("llm_ttfs", "Question in to the first clause that can be spoken, s")
TTS_TTFB = _latency("tts_ttfb", "Clause in to the first speech message, s")
TTS_TTFA = _latency("tts_ttfa", "Clause in to the first voiced sound, s")
LLM_FALLBACKS_TOTAL = Counter("llm_fallbacks_total", "Answers that the documents' own sentences gave for the model")
RENDER_TTFF = _latency("render_ttff", "First speech in to the first lip-synced frame out, s")
PLAYBACK_LATENCY = _latency("playback_latency", "First speech in to the first sound out, s")
INTERRUPTION_TO_SILENCE_MS = Histogram(
    "interruption_to_silence_ms",
    "Cancel in to silence out, ms",
    buckets=(5, 10, 20, 40, 60, 80, 100, 120, 160, 250, 500, 1000),
)
AV_SKEW_MS = Histogram(
    "av_skew_ms",
    "Release time of a video frame against its audio, ms",
    buckets=(-120, -80, -40, -20, -10, -5, 0, 5, 10, 20, 40, 80, 120),
)
FRAME_DRAW_MS = Histogram(
    "frame_draw_ms",
    "Drawing and encoding of one video frame, ms",
    buckets=(2, 4, 6, 8, 10, 12, 16, 20, 30, 50, 100),
)
FINAL_FPS = Gauge("final_fps", "Video frames released a second, over the last 5 s", ["session"])
BUFFER_MS = Gauge("buffer_ms", "Speech waiting in the renderer, ms", ["session"])
PICTURES_REPEATED_TOTAL = Counter("pictures_repeated_total", "Pictures that were not there when they were due")
REANCHORS_TOTAL = Counter("reanchors_total", "Times that generated video started from the portrait", ["reason"])
UNDERRUNS_TOTAL = Counter("underruns_total", "Times that a turn's speech ran dry before its end")
