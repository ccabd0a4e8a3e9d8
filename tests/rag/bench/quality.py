"""What is found and said, on labelled questions, by kind, beside plain search.

The rules of retrieval are made on the development half. The held-out half (other documents, other questions), of which
only totals are looked at, a fresh part (other kinds of documents), and the project's own corpus show what that is worth
elsewhere.

    python -m tests.rag.bench.quality --misses development    lists what went wrong there
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict

from services.common.answering import ChatMessage, Delta, Passage, Retrieval
from services.rag_llm.answering.extractive.engine import Extractive
from services.rag_llm.answering.knowledge import Knowledge
from services.rag_llm.index.embedding.embedder import Embedder
from services.rag_llm.index.embedding.minilm import MiniLM
from services.rag_llm.index.index import Index
from services.rag_llm.index.ingestion import signature
from services.rag_llm.index.store import Store
from services.rag_llm.index.terms import terms
from services.rag_llm.reading.corpus import Corpus
from services.rag_llm.settings import Config, read_config

HERE = Path(__file__).parent
SETS = {
    "development": (HERE / "development/documents", HERE / "development/questions.yaml"),
    "held out": (HERE / "held_out/documents", HERE / "held_out/questions.yaml"),
    "fresh": (HERE / "fresh/documents", HERE / "fresh/questions.yaml"),
    "own corpus": (HERE.parents[2] / "corpus", HERE / "own.yaml"),
}
"""Documents and questions."""
WAYS = ("hybrid", "dense", "bm25")
DEPTH = 12
"""Passages that each search may return; their documents are ranked."""


class Case(BaseModel):
    """A labelled question.

    `after` is the conversation before it, the person first. `source` is the document that answers; none: nothing may be
    cited. `says` are words that the answer must hold (`a | b`: either), `never` words that it must not. `route` is
    asked of what needs no document.
    """

    model_config = ConfigDict(extra="forbid")

    kind: str
    ask: str
    after: list[str] = []
    source: str = ""
    says: list[str] = []
    never: list[str] = []
    route: str = ""

    @property
    def history(self) -> list[ChatMessage]:
        return [
            ChatMessage(role="assistant" if n % 2 else "user", content=content) for n, content in enumerate(self.after)
        ]

    def satisfied_by(self, text: str) -> bool:
        said = text.lower()
        wanted = all(any(either.strip().lower() in said for either in words.split("|")) for words in self.says)
        return wanted and not any(words.lower() in said for words in self.never)


@dataclass(frozen=True, slots=True)
class Given:
    """What came back for a case: `ranked` are documents, best first, by the way of searching."""

    case: Case
    text: str
    route: str
    reason: str
    cited: list[str]
    ranked: dict[str, list[str]]
    ms: float

    @property
    def answered(self) -> bool:
        return bool(self.cited)

    @property
    def correct(self) -> bool:
        return self.answered and self.case.satisfied_by(self.text)

    @property
    def cited_right(self) -> bool:
        return self.case.source in self.cited

    @property
    def passed(self) -> bool:
        if self.case.source:
            return self.correct and self.cited_right
        return not self.answered and self.case.route in ("", self.route)


def read_cases(path: Path) -> list[Case]:
    kinds = yaml.safe_load(path.read_text("utf-8"))
    return [Case(kind=kind, **case) for kind, cases in kinds.items() for case in cases]


async def ask_all(documents: Path, cases: Sequence[Case], embedder: Embedder, config: Config) -> list[Given]:
    """Each case asked of the extractive engine over an index made for this."""
    with tempfile.TemporaryDirectory() as folder:
        corpus, store = Corpus(documents, config.ingest), Store(Path(folder))
        knowledge = Knowledge(corpus, store, embedder, config.retrieval)
        await knowledge.index.start()
        index = store.load(signature(embedder, config.ingest))
        assert index is not None
        engine = Extractive(config.extractive)
        await knowledge.find("what is this about", [])  # the first run of a model is slower
        given = [await _ask(knowledge, engine, index, embedder, case) for case in cases]
        knowledge.close()
    return given


async def _ask(knowledge: Knowledge, engine: Extractive, index: Index, embedder: Embedder, case: Case) -> Given:
    found = await knowledge.find(case.ask, case.history)
    passages: dict[str, Passage] = {}
    text, route, reason, cited = "", "", "", dict[str, None]()
    async for event in engine.answer(found):
        match event:
            case Retrieval():
                passages = {passage.id: passage for passage in event.passages}
                route, reason = event.route, event.reason
            case Delta():
                text += event.text
                cited |= dict.fromkeys(passages[i].source for i in event.citations)
    whole = " ".join([*case.after[-2:-1], case.ask])
    ranked = {
        "hybrid": _sources(index, (hit.excerpt.source for hit in found.hits)),
        "dense": _sources(index, (row for row, _ in index.nearest(embedder.embed([whole])[0], DEPTH))),
        "bm25": _sources(index, (row for row, _ in index.lexical.search(terms(whole), DEPTH))),
    }
    return Given(case, text, route, reason, list(cited), ranked, found.ms)


def _sources(index: Index, found: Iterable[int | str]) -> list[str]:
    return list(dict.fromkeys(row if isinstance(row, str) else index.excerpts[row].source for row in found))


def share(parts: Iterable[bool]) -> float | None:
    """A percentage; None of nothing."""
    counted = list(parts)
    return round(100 * sum(counted) / len(counted), 1) if counted else None


def ranking(given: Sequence[Given], way: str) -> dict[str, float | None]:
    """Over the questions that a document answers."""
    places = [_place(g.ranked[way], g.case.source) for g in given if g.case.source]
    return {
        "top 1": share(place == 1 for place in places),
        "top 3": share(0 < place <= 3 for place in places),
        "MRR": round(float(np.mean([1 / place if place else 0.0 for place in places])), 3) if places else None,
    }


def _place(ranked: list[str], source: str) -> int:
    """From 1; 0: not there."""
    return ranked.index(source) + 1 if source in ranked else 0


def figures(given: Sequence[Given]) -> dict[str, Any]:
    """The numbers of one set, or of one kind in it; percentages but for the times."""
    answerable = [g for g in given if g.case.source]
    unanswerable = [g for g in given if g.case.kind.startswith("unanswerable")]
    abstained = [g for g in (*answerable, *unanswerable) if not g.answered]
    took = [g.ms for g in given]
    return {
        "asked": len(given),
        "correct": share(g.correct for g in answerable),
        "cited": share(g.cited_right for g in answerable),
        "both": share(g.passed for g in answerable),
        "answered": share(g.answered for g in answerable),
        "abstained": share(not g.answered for g in unanswerable),
        "rightly": share(not g.case.source for g in abstained),
        "routed": share(g.passed for g in given if g.case.route),
        "p50 ms": round(float(np.percentile(took, 50)), 1),
        "p95 ms": round(float(np.percentile(took, 95)), 1),
    }


HOW = {
    "correct": "of the answerable: the answer holds what it must and nothing that it must not",
    "cited": "of the answerable: the right document is cited",
    "both": "of the answerable: correct, and the right document is cited",
    "answered": "of the answerable: there is an answer at all",
    "abstained": "of the unanswerable: nothing is cited (recall of abstention)",
    "rightly": "of the abstentions: those where there was no answer (precision of abstention)",
    "routed": "of small talk, questions about the avatar and wishes: the right route is taken",
    "ms": "understanding, search and weighing of one question",
    "top 1, top 3, MRR": "of the answerable: the place of the right document; dense and bm25 get a follow-up with the "
    "question before it",
}


def table(rows: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The lines of a table; the numbers by row."""
    names = list(next(iter(rows.values())))
    yield f"{'':28}" + "".join(f"{name:>10}" for name in names)
    for label, row in rows.items():
        yield f"{label:28}" + "".join(f"{'-' if row[name] is None else row[name]!s:>10}" for name in names)


def run(misses: str = "") -> dict[str, Any]:
    """Ask everything; print tables, and what went wrong in the set that is named; the numbers."""
    config = read_config()
    embedder = MiniLM(config.embedding.threads, config.embedding.batch_tokens)
    results: dict[str, Any] = {}
    for name, (documents, questions) in SETS.items():
        given = asyncio.run(ask_all(documents, read_cases(questions), embedder, config))
        kinds: dict[str, list[Given]] = {"all": given}
        for one in given:
            kinds.setdefault(one.case.kind, []).append(one)
        numbers = {kind: figures(of_kind) for kind, of_kind in kinds.items()}
        search = {
            f"{kind}, {way}": ranking(of_kind, way)
            for kind, of_kind in kinds.items()
            if any(g.case.source for g in of_kind)
            for way in WAYS
        }
        say(f"\n{name}", *table(numbers), "", *table(search))
        if name == misses:
            for one in given:
                if not one.passed:
                    wanted = one.case.source or one.case.route or "nothing"
                    say(f"\n{one.case.kind}: {one.case.ask}", f"  {one.text}", f"  {one.route}: {one.reason}")
                    say(f"  wanted: {wanted} {one.case.says}")
        results[name] = {"answers": numbers, "search": search}
    say("", *(f"{name:18} {how}" for name, how in HOW.items()), "")
    return {"quality": results}


def say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--misses", choices=list(SETS), default="", help="list what went wrong in this set")
    run(parser.parse_args().misses)
