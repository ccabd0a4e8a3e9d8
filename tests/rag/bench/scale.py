"""How rag-llm grows: ingest rate, peak memory, retrieval latency and cold load at 1 k, 10 k and 100 k passages.

Each ingest is the command that a user runs, `python -m services.rag_llm.ingest`, over documents of `grammar`; it and
the questions afterwards each run in a process of their own, whose peak memory the kernel tells.
"""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from services.common.settings import read_settings
from services.rag_llm.index.embedding.factory import open_embedder
from services.rag_llm.index.index import Index
from services.rag_llm.index.ingestion import signature
from services.rag_llm.index.store import Store
from services.rag_llm.retrieval.follow_ups import Asked
from services.rag_llm.retrieval.meanings import Meanings
from services.rag_llm.retrieval.retriever import Retriever
from services.rag_llm.settings import RagSettings, read_config
from tests.rag.bench import grammar

PASSAGES = (1_000, 10_000, 100_000)
QUESTIONS = 300
COMPARED = 100
"""Questions whose nearest sentences are compared with the exact ones."""
CHUNK = 16_384

HOW = {
    "passages_a_second": "new passages by the whole time of `make ingest`, its start included",
    "passages_a_cpu_second": "the same by its processor time, all threads: what one core does when nothing else runs",
    "ingest_peak_mb": "peak resident memory of that ingest; the model alone takes some 200",
    "change_s": "`make ingest` again after one document changed",
    "cold_load_ms": "the index read from disk, ready for the first question",
    "serve_peak_mb": "peak resident memory of the process that answers the questions",
    "embed_ms": "a question to its vector and terms",
    "retrieval_ms": "dense, BM25, fusion and weighing together",
    "retrieval_cpu_ms": "the same by processor time, all threads, which a busy machine does not lengthen",
    "recall_at_48": "of the 48 sentences that comparing all vectors finds, how many dense search finds",
    "source_in_top_3": "of the questions, by the document that they were made from",
}


def run() -> dict[str, object]:
    """The measurements for each size, printed as they come."""
    results: dict[str, object] = {}
    for passages in PASSAGES:
        with tempfile.TemporaryDirectory(prefix="bench-rag-") as folder:
            results[str(passages)] = found = _measure(Path(folder), passages)
        sys.stdout.write(f"\n{passages} passages\n")
        for name, how in HOW.items():
            sys.stdout.write(f"  {name:22} {found[name]!s:>28}  {how}\n")
        sys.stdout.flush()
    return {"scale": results}


def _measure(folder: Path, passages: int) -> dict[str, object]:
    env = os.environ | {"CORPUS_DIR": str(folder / "corpus"), "INDEX_DIR": str(folder / "index")}
    asked = list(grammar.write_corpus(folder / "corpus", passages // grammar.SECTIONS_A_DOCUMENT))
    (folder / "asked.json").write_text(json.dumps([asdict(question) for question in asked]))
    seconds, cpu, peak, _ = _child(["-m", "services.rag_llm.ingest"], env)
    found: dict[str, Any] = json.loads(
        _child(["-m", "tests.rag.bench.scale", str(folder / "asked.json")], env)[3].splitlines()[-1]
    )
    changed = folder / "corpus" / asked[0].source
    changed.write_text(changed.read_text() + "\nOne more sentence stands here.\n")
    return found | {
        "passages_a_second": round(found["passages"] / seconds, 1),
        "passages_a_cpu_second": round(found["passages"] / cpu, 1),
        "ingest_peak_mb": peak,
        "change_s": round(_child(["-m", "services.rag_llm.ingest"], env)[0], 2),
    }


def _child(arguments: list[str], env: dict[str, str]) -> tuple[float, float, int, str]:
    """(seconds, processor seconds, peak MB, what it printed) of a Python process."""
    started = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert child.stdout
    printed = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {child.returncode}.")
    seconds = time.perf_counter() - started
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024, printed


def ask(questions: list[grammar.Asked]) -> dict[str, object]:
    """The child's part: load the index and ask."""
    config = read_config()
    embedder = open_embedder(config)
    started = time.perf_counter()
    index = Store(read_settings(RagSettings).index_folder()).load(signature(embedder, config.ingest))
    cold = time.perf_counter() - started
    assert index, "there is no index"
    retriever = Retriever(Meanings(embedder), config.retrieval)
    retriever.prepare(index)
    embed, retrieval, cpu, right = [], [], [], 0
    chosen = random.Random(3).sample(questions, min(QUESTIONS, len(questions)))
    for question in chosen:
        at = time.perf_counter()
        query = retriever.understand(index, Asked(question.text))
        then, cpu_then = time.perf_counter(), time.process_time()
        hits = retriever.search(index, query, config.retrieval.passages)
        embed.append(then - at)
        retrieval.append(time.perf_counter() - then)
        cpu.append(time.process_time() - cpu_then)
        right += question.source in [hit.excerpt.source for hit in hits[:3]]
    return {
        "passages": len(index.excerpts),
        "sentences": len(index.vectors),
        "cold_load_ms": round(cold * 1000),
        "serve_peak_mb": _peak_mb(),
        "embed_ms": _percentiles(embed),
        "retrieval_ms": _percentiles(retrieval),
        "retrieval_cpu_ms": _percentiles(cpu),
        "source_in_top_3": round(right / len(chosen), 3),
        "recall_at_48": _recall(index, embedder.embed([question.text for question in chosen[:COMPARED]])),
    }


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _percentiles(seconds: list[float]) -> dict[str, float]:
    """In milliseconds, without the first one, which warms up."""
    return {f"p{p}": round(float(np.percentile(seconds[1:], p)) * 1000, 1) for p in (50, 95)}


def _recall(index: Index, vectors: np.ndarray, k: int = 48) -> float:
    """Against every vector, compared in pieces."""
    best = np.full((len(vectors), k), -1.0, np.float32)
    rows = np.zeros((len(vectors), k), np.int64)
    for start in range(0, len(index.vectors), CHUNK):
        scores = vectors @ index.vectors[start : start + CHUNK].astype(np.float32).T
        scores = np.hstack((best, scores))
        numbers = np.hstack(
            (rows, np.broadcast_to(np.arange(start, start + scores.shape[1] - k), (len(vectors), scores.shape[1] - k)))
        )
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        best, rows = np.take_along_axis(scores, top, 1), np.take_along_axis(numbers, top, 1)
    found = [
        len(set(index.dense.nearest(v, k)[0].tolist()) & set(r.tolist())) / k
        for v, r in zip(vectors, rows, strict=True)
    ]
    return round(float(np.mean(found)), 4)


if __name__ == "__main__":
    found = ask([grammar.Asked(**line) for line in json.loads(Path(sys.argv[1]).read_text())])
    sys.stdout.write(json.dumps(found) + "\n")
