"""What a question means in its conversation: a follow-up is read together with the question before it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.common.answering import ChatMessage
from services.rag_llm.terms import terms, words

_POINTS_BACK = frozenset(
    "it its it's they them their that this those these he she him her his one ones there same".split()  # noqa: SIM905  # a list of words reads better as words
)
_QUESTION_WORDS = frozenset(
    "who what when where why which how is are was were do does did can could will would should has have".split()  # noqa: SIM905  # a list of words reads better as words
)
_CONTINUES = re.compile(r"\s*(and|but|or|so|also|what about|how about|what if)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """`text` is the question; `context` the earlier one that it leans on, or blank."""

    text: str
    context: str = ""

    @property
    def whole(self) -> str:
        return f"{self.context} {self.text}".strip()


def resolve(text: str, history: Sequence[ChatMessage]) -> Asked:
    """The question with the earlier one it needs: after a pronoun, an "and" first, or hardly a word of its own."""
    own = terms(text)
    said = words(text)
    alone = len(own) > 1 or (len(own) == 1 and len(said) > 2 and said[0] in _QUESTION_WORDS)
    points_back = len(own) < 4 and bool(_POINTS_BACK & set(said))
    if alone and not points_back and not _CONTINUES.match(text):
        return Asked(text)
    for message in reversed(history):
        if message.role == "user" and terms(message.content) and message.content != text:
            return Asked(text, message.content)
    return Asked(text)
