"""`python -m services.tts.bench`: how long a clause takes to its first sound and to its end; JSON on the last line."""

import json
import statistics
import sys
import time

from services.tts.catalog import load
from services.tts.settings import TtsSettings
from services.tts.text.lines import lines_of

_CLAUSES = {
    "short": "Yes, I can do that.",
    "clause": "The avatar speaks in your own voice.",
    "long": "Everything runs on your own machine, and nothing that you say ever leaves it unless you want it to.",
}
_RUNS = 15


def main() -> None:
    """Per engine and clause: seconds of speech, and the medians of ms to the first part and to the last."""
    catalog = load(TtsSettings())
    table: dict[str, dict[str, dict[str, float]]] = {}
    for voice in (catalog.default, catalog.voices["espeak-en-us"]):
        engine = catalog.engine(voice)
        for name, text in _CLAUSES.items():
            first, whole, seconds = [], [], 0.0
            for _ in range(_RUNS):
                began = time.perf_counter()
                (line,) = lines_of(text, voice, catalog.voice_for)
                lengths = []
                for part in engine.speak(line):
                    lengths.append(len(part.pcm))
                    if len(lengths) == 1:
                        first.append(1000 * (time.perf_counter() - began))
                whole.append(1000 * (time.perf_counter() - began))
                seconds = sum(lengths) / voice.sample_rate
            row = {"speech_s": seconds, "ttfa_ms": statistics.median(first), "whole_ms": statistics.median(whole)}
            table.setdefault(voice.engine, {})[name] = {key: round(value, 2) for key, value in row.items()}
            sys.stdout.write(f"{voice.engine:8} {name:8} {table[voice.engine][name]}\n")
    sys.stdout.write(json.dumps(table) + "\n")


if __name__ == "__main__":
    main()
