"""Scores sentences as answers to a question: by how near their meaning is, and by what of the question they hold."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.rag_llm.index.embedding.embedder import Vectors
from services.rag_llm.index.terms import content, terms, words
from services.rag_llm.reading.excerpts import Excerpt, leans_on_previous
from services.rag_llm.reading.tables import Row
from services.rag_llm.retrieval.features.days import days_in
from services.rag_llm.retrieval.features.forms import STRICT, counted, gives, said_by, things
from services.rag_llm.retrieval.features.names import has, has_sibling, is_code, newest
from services.rag_llm.retrieval.features.superlatives import Leader, asked_extreme
from services.rag_llm.retrieval.meanings import Meanings
from services.rag_llm.retrieval.query import Query
from services.rag_llm.settings import RetrievalConfig

# What a word of the question counts, by the place where it is found; 1 if that is the sentence itself.
LEAD_SHARE = 0.9
"""In the sentence before, if this one leans on it."""
FORM_SHARE = 0.8
"""Said by the form of the sentence: `3 kg` is a weight."""
PATH_SHARE = 0.7
"""In a title or heading."""
NEAR_SHARE = 0.2
"""Elsewhere in the passage."""
AKIN_SHARE = 0.85
"""As a word of the same meaning, at most."""
KNOWN_SHARE = 0.5
"""What remains of `AKIN_SHARE` if the documents use the question's own word elsewhere: Monday is not Sunday."""

TITLE_WEIGHT = 0.3
"""What a word weighs that the title holds: every sentence of a document is about its title."""
OTHER_TITLE_WEIGHT = 1.5
"""What a word weighs that only titles of other documents hold: the question is about one of those."""
PRIOR = 1.0
"""Few and common words are covered by chance: it counts as if this much more were asked, and half of that covered."""

THING_PENALTY = 0.2
"""Taken off if the thing that is asked for by name, the wine in "which wine", is not in it."""
STRANGER_PENALTY = 0.4
"""Taken off if the question names a document by a word of its own, and this is another document."""
DAY_PENALTY = 0.5
"""Taken off if it is about other days of the week than the question."""
CODE_PENALTY = 0.4
"""The share of the penalty for another name that a code such as `WPA3` costs: it may be what is asked about."""
ROW_BONUS = 0.1
"""Added for the row of what the question names, if it has a value of the form that is asked for."""
SPECIFIC_PENALTY = 0.05
"""Taken off for each word of a row's first cell that the question lacks: an Aurora 3 Plus is not an Aurora 3."""
DENIED_PENALTY = 0.3
"""Taken off for a row with a "no" if the question asks which ones have it."""
EXTREME_PENALTY = 0.4
"""Taken off if the cheapest or the largest is asked for, and this row is not known to be it."""
NEWEST_BONUS = 0.03
"""Added for the newest year, if the question names no year."""


@dataclass(frozen=True, slots=True, eq=False)
class RankedSentence:
    """One sentence of a candidate. Its `score` decides its rank, and whether it `answers`; the rest explains the score.

    `coverage`: the share of the question's words that it and its headings hold; `missing`: the words they do not hold.
    `gives`: it has the form asked for.
    `misnamed`: above 0, the question names a model or a year, and this is about another one.
    `adjusted`: what was added and taken away, by the reason.
    `leader`: it is a row that has the most or the least of what is asked.
    """

    text: str
    at: int  # its place in the excerpt
    similarity: float
    coverage: float
    missing: tuple[str, ...]
    gives: bool
    misnamed: float
    adjusted: Mapping[str, float]
    score: float
    answers: bool
    vector: NDArray[np.float32]
    leader: Leader | None = None


class Ranker:
    """Ranks the sentences of the candidates for one question."""

    def __init__(
        self,
        query: Query,
        candidates: Collection[Excerpt],
        meanings: Meanings,
        config: RetrievalConfig,
        leading: Mapping[tuple[str, int], Leader],
    ) -> None:
        """`leading`: the rows that have the most or the least of what is asked, by excerpt and place in it."""
        self._query, self._meanings, self._config, self._leading = query, meanings, config, leading
        self._extreme = asked_extreme(query.text)
        self._counted = counted(query.text)
        self._things = things(query.text)
        self._choosing = words(query.text)[:1] == ["which"]
        self._days = days_in(query.text)
        paths = [terms(excerpt.path) for excerpt in candidates]
        firsts = [terms(row[0][1]) for excerpt in candidates for row in excerpt.rows if row]
        # A word and a number are a name only where the documents use them so.
        self._names = [
            name
            for name in query.names
            if len(name) == 1 or any(has(name, found) or has_sibling(name, found) for found in (*paths, *firsts))
        ]
        self._newest = 0 if newest(query.weights) else max(map(newest, paths), default=0)

    def rank(self, excerpt: Excerpt, vectors: Vectors) -> tuple[RankedSentence, ...]:
        """The sentences of an excerpt; `vectors` are theirs."""
        path, everything = terms(excerpt.path), terms(excerpt.text)
        ranked: list[RankedSentence] = []
        lead: set[str] = set()
        for at, (text, vector) in enumerate(zip(excerpt.sentences, vectors, strict=True)):
            row = excerpt.rows[at] if excerpt.rows else ()
            first = terms(row[0][1]) if row else []
            # A row holds the names of its columns, the first one's as well.
            own = terms(f"{row[0][0]} {text}" if row else text)
            lead = lead if leans_on_previous(text) else set()
            given = gives(self._query.form, text, self._counted)
            leader = self._leading.get((excerpt.id, at))
            if leader:  # it says so by standing first
                own = [*own, *terms(leader.extreme.said)]
            credit = self._credit(own, lead, path, everything, given)
            self._by_meaning(credit, f"{excerpt.headings[-1] if excerpt.headings else ''} {text}")
            lead = lead | set(own)
            coverage = self._coverage(credit, {*terms(excerpt.title), *first})
            similarity = float(vector @ self._query.closely)
            misnamed = self._misnamed(own, path, () if row else everything)
            adjusted = {"form": self._form(given), "name": -self._config.missing_name_penalty * misnamed}
            adjusted |= {"thing": -THING_PENALTY * any(credit.get(thing, 1.0) < NEAR_SHARE for thing in self._things)}
            adjusted |= self._of_document(excerpt, path, text)
            adjusted |= self._of_row(row, given, leader) if row else {}
            score = similarity + self._config.coverage_weight * coverage + sum(adjusted.values())
            missing = tuple(self._query.meant[term] for term, share in credit.items() if share < NEAR_SHARE)
            answers = score >= self._config.answer_threshold
            adjusted = {why: by for why, by in adjusted.items() if by}
            ranked.append(
                RankedSentence(
                    text, at, similarity, coverage, missing, given, misnamed, adjusted, score, answers, vector, leader
                )
            )
        return tuple(ranked)

    def _credit(
        self, own: Collection[str], lead: Collection[str], path: Collection[str], near: Collection[str], given: bool
    ) -> dict[str, float]:
        """What each term of the question counts, by where it stands."""
        places = [
            (own, 1.0),
            (lead, LEAD_SHARE),
            (said_by(self._query.form) if given else (), FORM_SHARE),
            (path, PATH_SHARE),
            (near, NEAR_SHARE),
        ]
        return {term: next((share for place, share in places if term in place), 0.0) for term in self._query.weights}

    def _by_meaning(self, credit: dict[str, float], text: str) -> None:
        """What is hardly there is compared with the words that are."""
        query = self._query
        missing = [term for term, share in credit.items() if share < PATH_SHARE and query.meant[term].isalpha()]
        nearness = self._meanings.nearness([query.meant[term] for term in missing], content(text))
        for term, near in zip(missing, nearness.tolist(), strict=True):
            credit[term] = max(credit[term], AKIN_SHARE * near * (KNOWN_SHARE if term in query.known else 1.0))

    def _coverage(self, credit: Mapping[str, float], subject: Collection[str]) -> float:
        weights = {
            term: weight
            * (TITLE_WEIGHT if term in subject else OTHER_TITLE_WEIGHT if term in self._query.titles else 1)
            for term, weight in self._query.weights.items()
        }
        covered = sum(weights[term] * share for term, share in credit.items())
        return (covered + PRIOR / 2) / (sum(weights.values()) + PRIOR)

    def _of_document(self, excerpt: Excerpt, path: Sequence[str], text: str) -> dict[str, float]:
        """For where it stands: in which document, of which day and year."""
        days = (days_in(text) or days_in(excerpt.path)) if self._days else frozenset()
        return {
            "document": -STRANGER_PENALTY * bool(self._query.owners and excerpt.source not in self._query.owners),
            "day": -DAY_PENALTY * bool(days and not self._days & days),
            "newest": NEWEST_BONUS * bool(self._newest and newest(path) == self._newest),
        }

    def _of_row(self, row: Row, given: bool, leader: Leader | None) -> dict[str, float]:
        """For a row: whether it is that of what the question names, or has the most or the least."""
        more = len({*terms(row[0][1])} - self._query.weights.keys())
        denied = self._choosing and any(
            value.lower() == "no" and self._query.weights.keys() >= {*terms(name)} for name, value in row[1:]
        )
        return {
            "denied": -DENIED_PENALTY * denied,
            "row": ROW_BONUS * (not more and given and self._query.form in STRICT) - SPECIFIC_PENALTY * more,
            "extreme": ROW_BONUS if leader else -EXTREME_PENALTY * bool(self._extreme),
        }

    def _form(self, given: bool) -> float:
        if given:
            return 0.0 if self._query.form in STRICT else self._config.form_bonus
        return -self._config.missing_form_penalty if self._query.form in (*STRICT, "person") else 0.0

    def _misnamed(self, own: Sequence[str], path: Sequence[str], passage: Sequence[str]) -> float:
        """0: it is about what the question names, or one of several; up to 1: about another one."""
        penalties: dict[str, float] = {}  # by the kind of name
        for name in self._names:
            kind = name[0] if len(name) > 1 else "" if is_code(name) else "year"
            about = has(name, own) or has(name, path)
            other = has_sibling(name, own) or has_sibling(name, path) or not has(name, passage)
            penalty = 0.0 if about or not other else CODE_PENALTY if is_code(name) else 1.0
            penalties[kind] = min(penalty, penalties.get(kind, 1.0))
        return max(penalties.values(), default=0.0)
