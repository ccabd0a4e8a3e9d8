"""The extractive answer: one to three sentences of the documents, chosen, ordered and worded to answer aloud."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.rag_llm.answering.extractive.naming import named
from services.rag_llm.answering.extractive.rows import say_leader, say_row
from services.rag_llm.index.terms import terms
from services.rag_llm.reading.excerpts import Excerpt, leans_on_previous
from services.rag_llm.reading.tables import Row
from services.rag_llm.retrieval.features.forms import STRICT
from services.rag_llm.retrieval.query import Query
from services.rag_llm.retrieval.ranking import RankedSentence
from services.rag_llm.retrieval.retriever import Hit
from services.rag_llm.settings import ExtractiveConfig

SAME = 0.8
"""Cosine similarity from which on two sentences say the same."""
CONTINUES_SHARE = 0.8
"""A sentence that continues the best one joins it from this share of its score on."""
ALIKE_SHARE = 0.9
"""Of the best row's score: rows from this on answer as well."""
_LINK = re.compile(r"(?:however|but|and|also|moreover|furthermore|in addition|therefore|so|besides),? ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cited:
    """A sentence of the answer, and the excerpt that it is from, if any, with its own words."""

    text: str
    excerpt: Excerpt | None = None
    quote: str = ""


def compose(hits: Sequence[Hit], query: Query, config: ExtractiveConfig) -> list[Cited]:
    """The sentences of an answer, the one that answers first. The first hit is known to answer."""
    first = hits[0]
    chosen = [(first, first.best)]
    others = [
        (hit, sentence)
        for hit in hits
        for sentence in hit.sentences
        if sentence is not first.best and _joins(hit, sentence, first, query, config)
    ]
    for hit, sentence in sorted(others, key=lambda other: -other[1].score):
        if _row(hit, sentence) or not any(_same(sentence, said) for _, said in chosen):
            chosen.append((hit, sentence))
    spoken: list[Cited] = []
    said: set[str] = set()
    for hit, sentence in _in_order(chosen[: config.max_sentences], query.form):
        for cited in _worded(hit, sentence, query, said):
            if cited.quote in said:
                continue
            length = sum(len(c.text.split()) for c in (*spoken, cited))
            if not spoken or (length <= config.max_words and len(spoken) < config.max_sentences):
                spoken.append(cited)
                said.add(cited.quote)
    return [Cited(_opening(spoken[0].text), spoken[0].excerpt, spoken[0].quote), *spoken[1:]]


def _worded(hit: Hit, sentence: RankedSentence, query: Query, said: set[str]) -> list[Cited]:
    """The sentence as it can be said where it comes: after what it leans on, or with that named in it."""
    excerpt = hit.excerpt
    row = _row(hit, sentence)
    if len(row) > 1:
        if sentence.leader:
            spoken = say_leader(row, sentence.leader, query.text)
        else:
            spoken = say_row(row, excerpt.title, excerpt.headings, query.text, query.context)
        return [Cited(spoken, excerpt, sentence.text)]
    own = Cited(sentence.text, excerpt, sentence.text)
    if not leans_on_previous(sentence.text) or sentence.at == 0:
        return [own]
    before = hit.sentences[sentence.at - 1]
    if before.text in said:
        return [own]
    lead = _worded(hit, before, query, said)
    if before.answers:  # it answers as well, and comes first
        return [*lead, own]
    if renamed := named(sentence.text, lead[-1].text):
        return [Cited(renamed, excerpt, sentence.text)]
    return [*lead, own]


def _joins(hit: Hit, sentence: RankedSentence, first: Hit, query: Query, config: ExtractiveConfig) -> bool:
    best = first.best
    if sentence.misnamed or not sentence.answers:
        return False
    if hit is first and sentence.at == best.at + 1 and leans_on_previous(sentence.text):
        return sentence.score >= CONTINUES_SHARE * best.score
    row, best_row = _row(hit, sentence), _row(first, best)
    if query.form in STRICT or best_row:  # one value answers; rows that fit as well are asked for, too
        alike = sentence.score >= ALIKE_SHARE * best.score and hit.excerpt.headings == first.excerpt.headings
        return bool(alike and row and best_row and _unnamed(row, query) <= _unnamed(best_row, query))
    if hit.excerpt.source != first.excerpt.source:
        return False
    share = config.further_share
    if hit.excerpt.headings != first.excerpt.headings:  # another section: it has to fit all the better
        share = (1 + share) / 2
    return sentence.score >= share * best.score


def _row(hit: Hit, sentence: RankedSentence) -> Row:
    return hit.excerpt.rows[sentence.at] if hit.excerpt.rows else ()


def _unnamed(row: Row, query: Query) -> int:
    """How many words of its first cell the question does not have: of an Aurora 3, an Aurora 3 Plus has one."""
    return len({*terms(row[0][1])} - {*terms(query.text), *terms(query.context)})


def _same(one: RankedSentence, other: RankedSentence) -> bool:
    return one.text == other.text or float(one.vector @ other.vector) >= SAME


def _in_order(chosen: Sequence[tuple[Hit, RankedSentence]], form: str) -> list[tuple[Hit, RankedSentence]]:
    """By excerpt, and within one as they stand in it; but what is asked for, a value or a person, comes first."""
    rank: dict[str, int] = {}
    for hit, _ in chosen:
        rank.setdefault(hit.excerpt.id, len(rank))
    first = int(form in STRICT or form == "person")
    return [*chosen[:first], *sorted(chosen[first:], key=lambda pair: (rank[pair[0].excerpt.id], pair[1].at))]


def _opening(text: str) -> str:
    """An answer does not begin with a "however"."""
    link = _LINK.match(text)
    return text[link.end() :][:1].upper() + text[link.end() :][1:] if link else text
