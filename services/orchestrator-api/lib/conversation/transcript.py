"""What was said, what of it was heard, and the conversation that follows from it."""

from collections import deque

from services.common.answering import ChatMessage
from services.common.speech import Word

HISTORY_PAIRS = 10
"""Question and answer pairs that the next answer may build on."""


class SpokenWords:
    """The words of one turn with their times, and the clauses that they belong to."""

    def __init__(self) -> None:
        self._words: list[Word] = []
        self._clauses: list[tuple[int, str]] = []

    def begin(self, start: int, clause: str) -> None:
        """The clause begins `start` ms into the turn; its words follow."""
        self._clauses.append((start, clause))

    def add(self, words: list[Word]) -> None:
        """These words follow; their times count from the start of the turn."""
        self._words += words

    def heard(self, heard_ms: float) -> str:
        """The words of which at least half had sounded when `heard_ms` of the turn were played."""
        return " ".join(w.text for w in self._words if (w.t0 + w.t1) / 2 < heard_ms)

    def around(self, heard_ms: float) -> str:
        """The clause that sounds `heard_ms` into the turn, with the one before it and the one after."""
        sounding = sum(start <= heard_ms for start, _ in self._clauses)
        return " ".join(clause for _, clause in self._clauses[max(0, sounding - 2) : sounding + 1])


class History:
    """The last exchanges, as they were heard."""

    def __init__(self) -> None:
        self._pairs: deque[tuple[str, str]] = deque(maxlen=HISTORY_PAIRS)

    def add(self, question: str, heard: str) -> None:
        """An answer of which nothing was heard leaves no trace: the person was faster."""
        if heard:
            self._pairs.append((question, heard))

    def messages(self) -> list[ChatMessage]:
        """Question and answer in turns, the oldest first."""
        messages = []
        for question, heard in self._pairs:
            messages += [ChatMessage(role="user", content=question), ChatMessage(role="assistant", content=heard)]
        return messages
