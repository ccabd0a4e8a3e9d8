"""The rows that a superlative asks for ("the cheapest"), in the tables that the candidates are part of."""

from collections.abc import Mapping

from services.rag_llm.index.index import Index
from services.rag_llm.reading.excerpts import Excerpt
from services.rag_llm.retrieval.features.superlatives import MOST_ROWS, Leader, asked_extreme, leaders


def leading_rows(index: Index, question: str, excerpts: dict[int, Excerpt]) -> Mapping[tuple[str, int], Leader]:
    """What a superlative in the question asks for, in the tables of these excerpts, by excerpt and place in it.

    A table may go on in other excerpts, which are compared as well; those that lead join the candidates.
    """
    extreme = asked_extreme(question)
    leading: dict[tuple[str, int], Leader] = {}
    compared: set[int] = set()
    for row in [*excerpts] if extreme else ():
        if row in compared or not any(excerpts[row].rows):
            continue
        table = [*_table(index, row)]
        compared.update(table)
        lines = [(at, place, cells) for at in table for place, cells in enumerate(index.excerpts[at].rows) if cells]
        for leader in leaders(extreme, question, [cells for _, _, cells in lines]) if extreme else ():
            at, place, _ = lines[leader.at]
            excerpts[at] = index.excerpts[at]
            leading[excerpts[at].id, place] = leader
    return leading


def _table(index: Index, row: int) -> range:
    """The excerpts around this one that belong to the same table: of the same section, their rows of the same first
    column."""

    def same(at: int) -> bool:
        other = index.excerpts[at]
        return (other.source, other.headings, _first_column(other)) == here

    excerpt = index.excerpts[row]
    here = (excerpt.source, excerpt.headings, _first_column(excerpt))
    start = next(
        (at + 1 for at in range(row - 1, max(row - MOST_ROWS, -1), -1) if not same(at)), max(row - MOST_ROWS, 0)
    )
    last = min(row + MOST_ROWS, len(index.excerpts))
    return range(start, next((at for at in range(row + 1, last) if not same(at)), last))


def _first_column(excerpt: Excerpt) -> str | None:
    return next((row[0][0] for row in excerpt.rows if row), None)
