"""Sentences to clauses: an answer is spoken clause by clause."""

import re

_CLAUSE = re.compile(r"(?<=[,;:–—])\s+")
MIN_CLAUSE_WORDS = 3
"""A shorter clause is said with the one before it."""


def split_clauses(sentence: str) -> list[str]:
    """Pieces that can be spoken one after the other; joined with spaces they are the sentence again."""
    clauses: list[str] = []
    for piece in _CLAUSE.split(sentence):
        if clauses and min(len(clauses[-1].split()), len(piece.split())) < MIN_CLAUSE_WORDS:
            clauses[-1] += f" {piece}"
        else:
            clauses.append(piece)
    return clauses
