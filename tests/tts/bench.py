"""`make bench-visemes`: what the tracker finds in voices it was not trained on, against their exact times.

Needs flite (on Debian: `apt-get install libflite1`). Prints a table, and JSON on the last line.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.common.speech import VISEMES, VisemeAt, Word
from services.tts.engine import Line, Pcm, Voice
from services.tts.espeak.engine import EspeakEngine
from services.tts.text.lines import lines_of
from services.tts.training.speech import HELD_OUT, Said, Speaks, instant, say
from services.tts.visemes.mouth_model import ShapeClassifier, mouth_model
from services.tts.visemes.shapes import shape_changes
from services.tts.visemes.spectrum import Spectrum
from services.tts.visemes.tracking import Tracker
from tests.tts.flite import UNKNOWN, FliteEngine

_CORPUS = Path(__file__).parents[2] / "corpus"
_LINES = 40  # of each voice
_FED_MS = 20
_FRAME_MS = 20
_NEAR_MS = 20  # a mouth that closes this much too early or too late has closed


class Loudness:
    """Hears no shapes, only whether there is sound: the text alone decides."""

    def __init__(self, sr: int) -> None:
        self._spectrum = Spectrum(sr)

    def push(self, pcm: Pcm, *, final: bool) -> NDArray[np.float32]:
        loud = self._spectrum.push(pcm, final=final).max(axis=1, initial=-2) > -0.3
        rows = np.where(loud[:, None], 1.0, 0.002) * np.ones(len(VISEMES))
        rows[:, 0] = np.where(loud, 0.02, 1.0)
        return np.asarray(rows / rows.sum(axis=1, keepdims=True), np.float32)


@dataclass
class Score:
    """What is counted over the lines of one voice."""

    shape_ms: list[float] = field(default_factory=list)
    any_ms: list[float] = field(default_factory=list)
    word_ms: list[float] = field(default_factory=list)
    frames: int = 0
    agree: int = 0
    sounding: int = 0
    sounding_agree: int = 0
    closures: int = 0
    closed: int = 0
    shown: int = 0
    shown_right: int = 0
    changes: int = 0
    lag_ms: float = 0
    cpu_s: float = 0
    speech_s: float = 0

    def row(self) -> dict[str, float | None]:
        """What was missed counts as infinitely far; None is a quantile that is infinite, or of nothing."""
        shape, either, word = (np.array(x or [np.inf]) for x in (self.shape_ms, self.any_ms, self.word_ms))
        return {
            "boundary_ms_p50": _quantile(shape, 0.5),
            "boundary_ms_p90": _quantile(shape, 0.9),
            "boundary_found": float(np.isfinite(shape).mean()),
            "any_boundary_ms_p50": _quantile(either, 0.5),
            "any_boundary_ms_p90": _quantile(either, 0.9),
            "changes_per_true_change": self.changes / max(len(shape), 1),
            "agreement": self.agree / max(self.frames, 1),
            "agreement_sounding": self.sounding_agree / max(self.sounding, 1),
            "closure_recall": self.closed / max(self.closures, 1),
            "closure_precision": self.shown_right / max(self.shown, 1),
            "word_ms_p50": _quantile(word, 0.5),
            "word_ms_p90": _quantile(word, 0.9),
            "words": len(self.word_ms) // 2,
            "added_latency_ms": self.lag_ms,
            "cpu_ms_per_s": 1000 * self.cpu_s / self.speech_s,
        }


def _quantile(errors: NDArray[np.float64], q: float) -> float | None:
    error = float(np.quantile(errors, q, method="higher"))
    return error if np.isfinite(error) else None


Spans = list[tuple[float, float, str]]
"""From, to (ms), shape."""


def spans(changes: Sequence[tuple[float, str]], end: float) -> Spans:
    return [(t, later, v) for (t, v), (later, _) in zip(changes, [*changes[1:], (end, "")], strict=True) if later > t]


def at(changes: Sequence[tuple[float, str]], times: NDArray[np.float64]) -> list[str]:
    index = np.searchsorted([t for t, _ in changes], times, side="right") - 1
    return [changes[i][1] if i >= 0 else "SIL" for i in index.tolist()]


def true_words(said: Said) -> list[tuple[float, float] | None]:
    """Start and end of each word, ms; None where none of its sounds is known."""
    own: list[list[int]] = [[] for _ in said.line.words]
    for phone in said.phones:
        if phone.word != UNKNOWN:
            own[phone.word] += [phone.start, phone.end]
    rate = said.line.voice.sample_rate
    return [(min(x) * 1000 / rate, max(x) * 1000 / rate) if x else None for x in own]


def judge(score: Score, said: Said, visemes: Sequence[VisemeAt], words: Sequence[Word]) -> None:
    rate = said.line.voice.sample_rate
    end = len(said.pcm) * 1000 / rate
    truth = [(sample * 1000 / rate, shape) for sample, shape in shape_changes(said.phones, len(said.pcm))]
    shown = [(float(v.t), v.v) for v in visemes]
    score.changes += len(shown)
    every = np.array([t for t, _ in shown] or [np.inf])
    for t, shape in truth:
        same = np.array([s for s, v in shown if v == shape] or [np.inf])
        nearest = float(np.abs(same - t).min())
        score.shape_ms.append(nearest if nearest <= 250 else np.inf)
        score.any_ms.append(float(np.abs(every - t).min()))
    middles = np.arange(_FRAME_MS / 2, end, _FRAME_MS)
    for want, have in zip(at(truth, middles), at(shown, middles), strict=True):
        score.frames += 1
        score.agree += want == have
        score.sounding += want != "SIL"
        score.sounding_agree += want == have != "SIL"
    closed = [(a, b) for a, b, v in spans(truth, end) if v == "PP"]
    closes = [(a, b) for a, b, v in spans(shown, end) if v == "PP"]
    score.closures += len(closed)
    score.closed += sum(any(a - _NEAR_MS < d and c < b + _NEAR_MS for c, d in closes) for a, b in closed)
    score.shown += len(closes)
    score.shown_right += sum(any(a - _NEAR_MS < d and c < b + _NEAR_MS for a, b in closed) for c, d in closes)
    for word, exact in zip(words, true_words(said), strict=False):
        if exact:
            score.word_ms += [abs(word.t0 - exact[0]), abs(word.t1 - exact[1])]


def follow(score: Score, tracker: Tracker, said: Said) -> tuple[list[VisemeAt], list[Word]]:
    """Feed the sound in small pieces."""
    rate = said.line.voice.sample_rate
    step = rate * _FED_MS // 1000
    visemes: list[VisemeAt] = []
    words: list[Word] = []
    began = time.process_time()
    for start in range(0, len(said.pcm), step):
        fed = min(start + step, len(said.pcm))
        tracked = tracker.feed(said.pcm[start:fed], fed == len(said.pcm))
        visemes += tracked.visemes
        words += tracked.words
        score.lag_ms = max(score.lag_ms, fed * 1000 / rate - tracked.until_ms)
    score.cpu_s += time.process_time() - began
    score.speech_s += len(said.pcm) / rate
    return visemes, words


def sentences(voice: Voice, count: int) -> Iterator[Line]:
    """Sentences of the project's own documents."""
    text = "\n\n".join(path.read_text() for path in sorted(_CORPUS.glob("*.md")))
    lines = [line for line in lines_of(text, voice, lambda _: None) if 4 <= len(line.words) <= 24]
    yield from lines[:: max(len(lines) // count, 1)][:count]


def held_out() -> Iterator[tuple[str, Speaks, list[Voice]]]:
    flite = FliteEngine()
    for voice in flite.voices:
        yield voice.name, flite, [voice]
    yield "espeak-held-out", EspeakEngine(), [instant("en-us" + variant) for variant in HELD_OUT]


def main() -> None:
    model = mouth_model()
    table: dict[str, dict[str, dict[str, float | None]]] = {}
    for name, engine, voices in held_out():
        scores = {method: Score() for method in ("sound", "text", "both")}
        for i, line in enumerate(sentences(voices[0], _LINES)):
            voice = voices[i % len(voices)]
            said = say(engine, Line(line.words, voice, line.pause_ms))
            sr = voice.sample_rate
            for method, tracker in (
                ("sound", Tracker([], sr, ShapeClassifier(model, sr), model.prior)),
                ("text", Tracker([said.line], sr, Loudness(sr), np.full(len(VISEMES), 1 / len(VISEMES), np.float32))),
                ("both", Tracker([said.line], sr, ShapeClassifier(model, sr), model.prior)),
            ):
                judge(scores[method], said, *follow(scores[method], tracker, said))
        table[name] = {
            method: {k: v if v is None else round(v, 3) for k, v in score.row().items()}
            for method, score in scores.items()
        }
        for method, row in table[name].items():
            sys.stdout.write(f"{name:16} {method:6} {'  '.join(f'{k} {v}' for k, v in row.items())}\n")
            sys.stdout.flush()
    sys.stdout.write(json.dumps(table) + "\n")


if __name__ == "__main__":
    main()
