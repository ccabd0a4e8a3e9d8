"""Passages that were found, made by hand."""

from collections.abc import Sequence

import numpy as np

from services.common.answering import ChatMessage
from services.rag_llm.conversation import Asked
from services.rag_llm.excerpts import Excerpt
from services.rag_llm.knowledge import Found
from services.rag_llm.retrieval import Hit, Sentence
from services.rag_llm.router import Route


def found(question: str, texts: Sequence[str], history: Sequence[ChatMessage] = (), title: str = "Kettles") -> Found:
    """A question for which these texts were found, each a passage of one sentence."""
    hits = []
    for n, text in enumerate(texts):
        sentence = Sentence(text, 0, 0.9, 0.9, 1.0, np.ones(1, np.float32))
        excerpt = Excerpt(id=f"p{n}", source="kettles.md", title=title, headings=("Use",), sentences=(text,))
        hits.append(Hit(excerpt, (sentence,), 0.03, 1.0))
    return Found(Asked(question), Route.CORPUS, hits, "", [title], history, 1.0)
