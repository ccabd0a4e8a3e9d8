"""What was said, what of it was heard, and the conversation that follows from it."""

from collections import deque

from services.common.answering import ChatMessage
from services.common.speech import Word

HISTORY_PAIRS = 10
"""Question and answer pairs that the next answer may build on."""


class SpokenWords:
    """The words of one turn with their times."""

    def __init__(self) -> None:
        self._words: list[Word] = []

    def add(self, words: list[Word]) -> None:
        self._words += words

    def heard(self, heard_ms: float) -> str:
        """The words of which at least half had sounded when `heard_ms` of the turn were played."""
        return " ".join(w.text for w in self._words if (w.t0 + w.t1) / 2 < heard_ms)


class History:
    """The last exchanges, as they were heard."""

    def __init__(self) -> None:
        self._pairs: deque[tuple[str, str]] = deque(maxlen=HISTORY_PAIRS)

    def add(self, question: str, heard: str) -> None:
        """An answer of which nothing was heard leaves no trace: the person was faster."""
        if heard:
            self._pairs.append((question, heard))

    def messages(self) -> list[ChatMessage]:
        messages = []
        for question, heard in self._pairs:
            messages += [ChatMessage(role="user", content=question), ChatMessage(role="assistant", content=heard)]
        return messages
