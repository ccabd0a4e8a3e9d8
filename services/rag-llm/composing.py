"""The extractive answer: one to three sentences of the documents, chosen and ordered so that they answer aloud."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.rag_llm.excerpts import Excerpt, leans_on_previous
from services.rag_llm.retrieval import Hit, Sentence
from services.rag_llm.settings import ExtractiveConfig

SAME = 0.8
"""Cosine similarity from which on two sentences say the same."""

CONTINUES_SHARE = 0.55
"""A sentence that continues the best one joins it from this share of its worth on."""


@dataclass(frozen=True, slots=True)
class Cited:
    """A sentence of the answer and where it stands; None: it is no document's."""

    text: str
    excerpt: Excerpt | None


def compose(hits: Sequence[Hit], form: str, config: ExtractiveConfig) -> list[Cited]:
    """The sentences of the answer, the one that answers first; none if the documents do not know.

    `form` is what the question asks for: a number is answered by the sentence that holds it, and what continues that.
    """
    if not hits or hits[0].best.worth < config.answer_threshold:
        return []
    first = hits[0]
    chosen = _with_lead(first, first.best, config)
    lead = len(chosen)
    length = sum(len(s.text.split()) for _, s in chosen)

    others = [
        (hit, sentence)
        for hit in hits
        for sentence in hit.sentences
        if _joins(hit, sentence, first, form, config) and (hit, sentence) not in chosen
    ]
    for hit, sentence in sorted(others, key=lambda other: -other[1].worth):
        size = len(sentence.text.split())
        if len(chosen) == config.max_sentences or length + size > config.max_words:
            continue
        if any(_same(sentence, said) for _, said in chosen):
            continue
        if leans_on_previous(sentence.text) and (hit.excerpt, sentence.at - 1) not in _places(chosen):
            continue
        chosen.append((hit, sentence))
        length += size
    return [Cited(sentence.text, hit.excerpt) for hit, sentence in _in_order(chosen, lead)]


def _with_lead(hit: Hit, sentence: Sentence, config: ExtractiveConfig) -> list[tuple[Hit, Sentence]]:
    """The sentence, after the one that its "it" or "this" stands for."""
    lead: list[tuple[Hit, Sentence]] = [(hit, sentence)]
    while leans_on_previous(lead[0][1].text) and lead[0][1].at > 0 and len(lead) < config.max_sentences:
        lead.insert(0, (hit, hit.sentences[lead[0][1].at - 1]))
    return lead


def _joins(hit: Hit, sentence: Sentence, first: Hit, form: str, config: ExtractiveConfig) -> bool:
    best = first.best
    if hit is first and sentence.at == best.at + 1 and leans_on_previous(sentence.text):
        return sentence.worth >= CONTINUES_SHARE * best.worth
    share = config.further_share
    if hit.excerpt.headings != first.excerpt.headings:  # another section: it has to fit all the better
        share = (1 + share) / 2
    return form not in ("value", "money") and sentence.worth >= max(share * best.worth, config.answer_threshold)


def _same(one: Sentence, other: Sentence) -> bool:
    return one.text == other.text or float(one.vector @ other.vector) >= SAME


def _places(chosen: Sequence[tuple[Hit, Sentence]]) -> set[tuple[Excerpt, int]]:
    return {(hit.excerpt, sentence.at) for hit, sentence in chosen}


def _in_order(chosen: Sequence[tuple[Hit, Sentence]], lead: int) -> list[tuple[Hit, Sentence]]:
    """The first `lead` sentences answer and stay first; the others follow, those of one excerpt as they stand in it."""
    rank: dict[str, int] = {}
    for hit, _ in chosen:
        rank.setdefault(hit.excerpt.id, len(rank))
    return [*chosen[:lead], *sorted(chosen[lead:], key=lambda pair: (rank[pair[0].excerpt.id], pair[1].at))]
