"""A question ready for the index: its words as the documents spell them, what each counts, and what it asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.rag_llm.index.terms import STOPWORDS, terms, words
from services.rag_llm.retrieval.features.forms import asked_form
from services.rag_llm.retrieval.features.names import Name, names_in
from services.rag_llm.retrieval.follow_ups import Asked, is_question
from services.rag_llm.retrieval.lexicon import Lexicon, QueryWord
from services.rag_llm.retrieval.meanings import Meanings

CONTEXT_SHARE = 0.4
"""What a word of the question before counts in a follow-up."""


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """The question as it was read.

    `text` is the question, `context` the earlier one that it leans on, or blank.
    `weights`: what each term counts.
    `meant`: the word that each term stands for.
    `known`: the terms that the documents hold; `titles`: the terms that titles hold.
    `owners`: the documents, if any, that are named after a word of the question which no other document has.
    `names`: what may be models, versions and years; one cannot stand for another.
    `form`: what is asked for (money, time, person, …), or blank.
    `vector`: its meaning, of length one.
    `closely`: between that and what is asked of the thing, with the thing's own name left out: every sentence about a
    museum is near a question about the museum.
    """

    text: str
    context: str
    weights: Mapping[str, float]
    meant: Mapping[str, str]
    known: frozenset[str]
    titles: frozenset[str]
    owners: frozenset[str]
    names: frozenset[Name]
    form: str
    vector: NDArray[np.float32]
    closely: NDArray[np.float32]


def understand(asked: Asked, lexicon: Lexicon, meanings: Meanings) -> Query:
    """The question in the terms of the index.

    A follow-up lies between its own meaning and that of both questions together, so that what it newly names wins.
    """
    own, earlier = lexicon.read(asked.text), lexicon.read(asked.context)
    text, context = _respelt(asked.text, own), _respelt(asked.context, earlier)
    bare = _without(text, lexicon.titles)
    asked_vector, whole, about = meanings.of([text, f"{context} {text}".strip(), bare])
    vector = (asked_vector + whole) / np.linalg.norm(asked_vector + whole)
    weights = {word.term: CONTEXT_SHARE * lexicon.weight(word) for word in earlier}
    weights |= {word.term: lexicon.weight(word) for word in own}
    return Query(
        text,
        context,
        weights,
        {word.term: word.meant for word in (*earlier, *own)},
        lexicon.vocabulary & weights.keys(),
        lexicon.titles & weights.keys(),
        lexicon.owners(own) or lexicon.owners(earlier),
        names_in([word.term for word in own]) or names_in([word.term for word in earlier]),
        asked_form(text) or ("" if is_question(text) else asked_form(context)),
        vector,
        (vector + about) / 2,
    )


def _without(text: str, titles: frozenset[str]) -> str:
    """The question without the words of titles, if anything is left of it."""
    said = words(text)
    kept = [word for word in said if not titles.intersection(terms(word))]
    return " ".join(kept) if any(word not in STOPWORDS for word in kept) else text


def _respelt(text: str, found: Sequence[QueryWord]) -> str:
    """The question for the embedder, with what was misspelt put right."""
    meant = {word.said: word.meant for word in found if word.meant != word.said}
    return " ".join(meant.get(word, word) for word in words(text)) if meant else text
