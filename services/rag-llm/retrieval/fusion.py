"""Reciprocal rank fusion (Cormack, Clarke & Büttcher, 2009): several rankings to one."""

from collections import defaultdict
from collections.abc import Iterable, Sequence


def fuse(rankings: Iterable[Sequence[tuple[int, float]]], k: int) -> dict[int, float]:
    """Each row's sum of 1 / (k + rank) over the rankings of (row, score), best first, that hold it."""
    fused: dict[int, float] = defaultdict(float)
    for ranking in rankings:
        for rank, (row, _) in enumerate(ranking, start=1):
            fused[row] += 1 / (k + rank)
    return fused
