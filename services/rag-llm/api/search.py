"""`POST /v1/search`: the passages nearest to a query, and why; `POST /v1/ingest`: read the documents now."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.common.answering import Passage
from services.rag_llm.answering.engine import passage_of
from services.rag_llm.answering.knowledge import Knowledge
from services.rag_llm.retrieval.query import Query
from services.rag_llm.retrieval.retriever import Hit


class SearchRequest(BaseModel):
    """`POST /v1/search`."""

    query: str = Field(min_length=1, max_length=4000)
    k: int = Field(default=5, ge=1, le=50)


class SearchResult(Passage):
    """A passage with its text, and what the `score` of its best sentence, the `quote`, is made of: see `config.yaml`.

    `answers`: the score is that of an answer.
    `similarity`: how near its meaning is to the question's.
    `coverage`: the share of the question's words that it, its headings and words of like meaning hold.
    `missing`: the words of the question that they do not hold.
    `form`: what is asked for (money, time, person, …), or blank; `gives`: the sentence has it.
    `misnamed`: above 0, it is about another model, version or year.
    `adjusted`: what was added and taken away, by the reason.
    `fused` (reciprocal ranks by meaning and by words) and `words` (BM25) made the passage a candidate.
    """

    text: str
    answers: bool
    similarity: float
    coverage: float
    missing: list[str]
    form: str
    gives: bool
    misnamed: float
    adjusted: dict[str, float]
    fused: float
    words: float


class SearchResponse(BaseModel):
    """Best first."""

    results: list[SearchResult]


def search_routes(knowledge: Knowledge) -> APIRouter:
    """The routes that show and change what is known."""
    routes = APIRouter(prefix="/v1")

    @routes.post("/search", tags=["answers"])
    async def search(request: SearchRequest) -> SearchResponse:
        """The passages nearest to a query, best first, and why."""
        query, hits = await knowledge.search(request.query, request.k)
        return SearchResponse(results=[_result(query, hit) for hit in hits])

    @routes.post("/ingest", tags=["documents"])
    async def ingest() -> dict[str, Any]:
        """Read what is new or changed in the corpus; questions are answered from the old index meanwhile."""
        return asdict(await knowledge.index.ingest())

    return routes


def _result(query: Query, hit: Hit) -> SearchResult:
    best = hit.best
    return SearchResult(
        **passage_of(hit).model_dump(),
        text=hit.excerpt.text,
        answers=best.answers,
        similarity=round(best.similarity, 4),
        coverage=round(best.coverage, 4),
        missing=list(best.missing),
        form=query.form,
        gives=best.gives,
        misnamed=best.misnamed,
        adjusted={why: round(by, 4) for why, by in best.adjusted.items()},
        fused=round(hit.fused, 5),
        words=round(hit.words, 3),
    )
