"""Hybrid retrieval: sentences by meaning and passages by words, fused, then ranked sentence by sentence.

One score of a sentence decides what comes first, what is quoted and whether there is an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.rag_llm.index.index import Index
from services.rag_llm.index.terms import content
from services.rag_llm.reading.excerpts import Excerpt
from services.rag_llm.retrieval.comparing import leading_rows
from services.rag_llm.retrieval.features.forms import STRICT
from services.rag_llm.retrieval.follow_ups import Asked
from services.rag_llm.retrieval.fusion import fuse
from services.rag_llm.retrieval.lexicon import Lexicon
from services.rag_llm.retrieval.meanings import MOST, Meanings
from services.rag_llm.retrieval.query import Query, understand
from services.rag_llm.retrieval.ranking import RankedSentence, Ranker
from services.rag_llm.retrieval.spelling import is_english
from services.rag_llm.settings import RetrievalConfig

FEWEST_RANKED = 16
"""Passages that are ranked, however few are wanted."""
MOST_PREPARED = 3000
"""Passages of a corpus whose words are made known before the first question; in a larger one questions do that."""


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """A retrieved excerpt; `fused` is its score from both rankings, `words` its BM25 score."""

    excerpt: Excerpt
    sentences: tuple[RankedSentence, ...]
    fused: float
    words: float

    @property
    def best(self) -> RankedSentence:
        """The sentence with the highest score."""
        return max(self.sentences, key=lambda sentence: sentence.score)


class Retriever:
    """Finds in one index after the other; what it needs to read questions is made once for each."""

    def __init__(self, meanings: Meanings, config: RetrievalConfig) -> None:
        self._meanings, self._config = meanings, config
        self._lexicon: tuple[Index, Lexicon] | None = None

    def prepare(self, index: Index) -> None:
        """What the first question would have to wait for: the words of the index, and what they mean."""
        self._lexicon = index, Lexicon(index)
        if len(index.excerpts) <= MOST_PREPARED:
            self._meanings.learn((word for excerpt in index.excerpts for word in _content(excerpt)), at_most=MOST // 2)
        self.understand(index, Asked("Wrods that are none"))

    def understand(self, index: Index, asked: Asked) -> Query:
        """The question in the terms of the index."""
        if self._lexicon is None or self._lexicon[0] is not index:
            self._lexicon = index, Lexicon(index)
        return understand(asked, self._lexicon[1], self._meanings)

    def search(self, index: Index, query: Query, k: int) -> list[Hit]:
        """The best `k` excerpts, by the score of their best sentence, best first."""
        by_meaning = index.nearest(query.vector, self._config.candidates)
        by_words = index.lexical.search(list(query.weights), self._config.candidates)
        fused = fuse((by_meaning, by_words), self._config.rrf_k)
        scores = dict(by_words)
        likely = sorted(fused, key=lambda row: -fused[row])[: max(2 * k, FEWEST_RANKED)]
        excerpts = {row: index.excerpts[row] for row in likely}
        self._meanings.learn(word for excerpt in excerpts.values() for word in _content(excerpt))
        leading = leading_rows(index, query.text, excerpts)
        ranker = Ranker(query, excerpts.values(), self._meanings, self._config, leading)
        hits = [
            Hit(excerpt, ranker.rank(excerpt, index.sentence_vectors(row)), fused[row], scores.get(row, 0.0))
            for row, excerpt in excerpts.items()
        ]
        return sorted(hits, key=lambda hit: -hit.best.score)[:k]


def why(hits: Sequence[Hit], query: Query) -> str:
    """Why the best sentence is an answer, or why it is not, for people to read."""
    if not hits:
        return "nothing was found"
    best = hits[0].best
    said = f"{hits[0].excerpt.source}: similarity {best.similarity:.2f}, coverage {best.coverage:.2f}"
    if best.misnamed:
        said += f", but not about {', '.join(' '.join(name) for name in sorted(query.names))}"
    if "document" in best.adjusted:
        said += ", but the question names another document"
    if "day" in best.adjusted:
        said += ", but of another day"
    if query.form in STRICT and not best.gives:
        said += f", but without a {query.form}"
    if best.missing and not best.answers:
        said += f", but nothing about {', '.join(best.missing)}"
    return said


def _content(excerpt: Excerpt) -> list[str]:
    """The words whose meaning can be compared: English ones. A name has no meaning to compare."""
    return [word for word in content(" ".join((*excerpt.headings, excerpt.text))) if is_english(word)]
