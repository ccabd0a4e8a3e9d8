"""Hybrid retrieval: sentences by meaning and passages by words, fused, then weighed sentence by sentence.

Fusion is reciprocal rank fusion (Cormack, Clarke & Büttcher, 2009). Each candidate's sentences are then weighed
against the question, so that the same number decides what comes first, what is quoted and whether there is an answer.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.rag_llm.conversation import Asked
from services.rag_llm.embedder import Embedder
from services.rag_llm.excerpts import Excerpt, leans_on_previous
from services.rag_llm.index import Index
from services.rag_llm.settings import RetrievalConfig
from services.rag_llm.terms import terms

_FORMS = {
    "money": (
        r"\b(costs?|prices?|priced|fees?|expensive|cheap|pay|how much (is|are|for))\b",
        r"[€$£]|\b(euros?|dollars?|pounds?|cents?|free|prices?|costs?|fees?)\b",
    ),
    "value": (
        r"\b(how (much|many|long|old|far|fast|big|large|tall|heavy|often|high|wide|quick(ly)?|soon|late|expensive)|when"
        r"|wh(at|ich) (\w+ )?(port|price|cost|size|weight|number|year|date|time|version|percent\w*|resolution|rate"
        r"|speed|length|limit|amount|age|height|width|temperature|capacity))\b",
        r"\d|\b(half|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand|million|once"
        r"|twice|monday|tuesday|wednesday|thursday|friday|saturday|sunday|noon|midnight)\b",
    ),
    "steps": (
        r"\bhow (do|can|could|should|would|to)\b(?! (you|it|they|he|she)\b)",
        r"^(to|you can|you could|first|just|simply) \w"
        r"|\b(type|press|open|click|choose|call|copy|install|run|set|select|by \w+ing)\b",
    ),
}
"""What a question may ask for: how it asks, and how a sentence looks that gives it."""
_ASKS = {form: re.compile(asks, re.IGNORECASE) for form, (asks, _) in _FORMS.items()}
_GIVES = {form: re.compile(gives, re.IGNORECASE) for form, (_, gives) in _FORMS.items()}
_NAMED = re.compile(r"\b(?:[^\W\d]+-?\d\w*|\d+[^\W\d]\w*|(?:19|20)\d\d)\b")
CONTEXT_SHARE = 0.4
"""What a word of the question before counts in a follow-up."""
HEADING_SHARE = 0.6
"""What a question's word counts when it stands in a heading and not in the sentence."""

NO_TERMS_COVERAGE = 0.5
"""For a question of nothing but small words, which is judged by its meaning."""


@dataclass(frozen=True, slots=True, eq=False)
class Sentence:
    """One sentence of a candidate. `worth` is what decides; similarity and coverage are what it is made of."""

    text: str
    at: int  # its place in the excerpt
    similarity: float
    coverage: float
    worth: float
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """A retrieved excerpt; `fused` is its score from both rankings, `words` its BM25 score."""

    excerpt: Excerpt
    sentences: tuple[Sentence, ...]
    fused: float
    words: float

    @property
    def best(self) -> Sentence:
        return max(self.sentences, key=lambda sentence: sentence.worth)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A question ready for the index: what each term counts, as the index spells it; `vector` of length one.

    `named`: models and years, which no other one can stand for. `form`: what is
    asked for, a key of `_FORMS`, or blank.
    """

    terms: Mapping[str, float]
    named: frozenset[str]
    form: str
    vector: NDArray[np.float32]


def understand(asked: Asked, index: Index, embedder: Embedder) -> Query:
    """The question in the terms of the index: misspelt words are matched to the nearest known ones.

    A follow-up lies between its own meaning and that of both questions together, so that what it newly names wins.
    """
    vectors = embedder.embed(list(dict.fromkeys((asked.text, asked.whole))))
    vector = vectors.sum(axis=0) / np.linalg.norm(vectors.sum(axis=0))
    known, rarity = index.lexical.known, index.lexical.rarity
    own = {term: rarity(term) for term in map(known, terms(asked.text))}
    earlier = {term: CONTEXT_SHARE * rarity(term) for term in map(known, terms(asked.context))}
    said = (asked.text, asked.context)
    form = next((form for text in said for form, asks in _ASKS.items() if asks.search(text)), "")
    return Query(earlier | own, frozenset(terms(" ".join(_NAMED.findall(asked.text)))), form, vector)


def search(index: Index, query: Query, config: RetrievalConfig, k: int) -> list[Hit]:
    """The best `k` excerpts, by the worth of their best sentence."""
    fused: dict[int, float] = defaultdict(float)
    by_meaning = index.nearest(query.vector, config.candidates)
    by_words = index.lexical.search(list(query.terms), config.candidates)
    for ranking in (by_meaning, by_words):
        for rank, (row, _) in enumerate(ranking, start=1):
            fused[row] += 1 / (config.rrf_k + rank)
    scores = dict(by_words)
    likely = sorted(fused, key=lambda row: -fused[row])[: max(2 * k, 12)]
    hits = [
        Hit(index.excerpts[row], _weigh(index, row, query, config), fused[row], scores.get(row, 0.0)) for row in likely
    ]
    return sorted(hits, key=lambda hit: -hit.best.worth)[:k]


def _weigh(index: Index, row: int, query: Query, config: RetrievalConfig) -> tuple[Sentence, ...]:
    excerpt = index.excerpts[row]
    vectors = index.sentence_vectors(row)
    above = set(terms(excerpt.path))
    total = sum(query.terms.values())
    everything = above | set(index.lexical.terms[row])
    missing = bool(query.named - everything)
    weighed: list[Sentence] = []
    held: set[str] = set()
    for at, (text, vector) in enumerate(zip(excerpt.sentences, vectors, strict=True)):
        own = set(terms(text))
        # A sentence that leans on the one before speaks about the same things.
        held = held | own if leans_on_previous(text) else own
        covered = sum(
            weight * (1.0 if term in held else HEADING_SHARE if term in above else 0.0)
            for term, weight in query.terms.items()
        )
        coverage = covered / total if total else NO_TERMS_COVERAGE
        similarity = float(vector @ query.vector)
        worth = similarity + config.coverage_weight * coverage
        if query.form and _GIVES[query.form].search(text):
            worth += config.form_bonus
        if missing:
            worth -= config.missing_name_penalty
        weighed.append(Sentence(text, at, similarity, coverage, worth, vector))
    return tuple(weighed)
