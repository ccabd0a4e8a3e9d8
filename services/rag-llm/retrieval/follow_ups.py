"""What a question means in its conversation: a follow-up is read together with the question before it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.common.answering import ChatMessage
from services.rag_llm.index.terms import terms, words

_POINTS_BACK = frozenset(
    "it its it's they them their that this those these he she him her his one ones there same".split()  # noqa: SIM905  # a list of words reads better as words
)
_QUESTION_WORDS = frozenset(
    "who what when where why which how is are was were do does did can could will would should has have".split()  # noqa: SIM905  # a list of words reads better as words
)
_CONTINUES = re.compile(r"\s*(and|but|or|so|also|what about|how about|what if)\b", re.IGNORECASE)
_NEW_PART = re.compile(
    r"\s*(?:and|but|or|so|also|okay|ok)?,?\s*(?:(?:what|how) about|and)?\s*"
    r"(?P<part>(?:(?P<joint>in|on|at|for|from|to|with|by|of|under|since|after|before|during|as) )?(?P<rest>.+?))"
    r"\s*[?.!]*\s*",
    re.IGNORECASE,
)
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|weekends?|weekdays?"
_MONTH = r"january|february|march|april|may|june|july|august|september|october|november|december"
_KINDS = tuple(
    re.compile(rf"\b(?:{kind})\b", re.IGNORECASE)
    for kind in (
        _WEEKDAY,
        r"(?:19|20)\d\d",
        _MONTH,
        r"morning|afternoon|evening|night",
        r"(?<=zone )\w",
        r"first|last|next",
    )
)
"""What takes the place of its own kind: another day, another year."""
_NUMBERED = re.compile(r"\b([a-z]+)[ -]?\d\w*", re.IGNORECASE)
"""A word and its number: what may be replaced by another model of the same name."""
_WITH_NUMBER = re.compile(r"\b([a-z]+[ -]?)\d\w*", re.IGNORECASE)
DEPTH = 3
"""Questions before that may be needed to understand one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """`text` is the question; `context` the earlier one that it leans on, or blank."""

    text: str
    context: str = ""

    @property
    def whole(self) -> str:
        """Both questions, the earlier one first."""
        return f"{self.context} {self.text}".strip()


def resolve(text: str, history: Sequence[ChatMessage], depth: int = DEPTH) -> Asked:
    """The question with the earlier one it needs: after a pronoun, an "and" first, or hardly a word of its own.

    Where it only changes a part of that (`and on Sunday?`), the earlier question with the part changed.
    """
    if not _leans(text) or not depth:
        return Asked(text)
    for at, message in reversed([*enumerate(history)]):
        if message.role == "user" and terms(message.content) and message.content != text:
            before = resolve(message.content[:4000], history[:at], depth - 1)
            changed = _changed(before.text, text)
            return Asked(changed, before.context) if changed else Asked(text, before.whole[-4000:])
    return Asked(text)


def _leans(text: str) -> bool:
    own, said = terms(text), words(text)
    alone = len(own) > 1 or (len(own) == 1 and len(said) > 2 and said[0] in _QUESTION_WORDS)
    points_back = len(own) < 4 and bool(_POINTS_BACK & set(said))
    points_back = points_back or (len(own) == 1 and said[1:2] == ["there"])  # "is there a deposit?": for what?
    return not alone or points_back or _CONTINUES.match(text) is not None


def is_question(text: str) -> bool:
    """Whether the text asks by itself, as `and how heavy is it` does and `and the small one` does not."""
    return bool(_QUESTION_WORDS & set(words(text)))


def _changed(earlier: str, text: str) -> str:
    """The earlier question with the part changed that the text names anew; blank if the text is a question itself."""
    part = _NEW_PART.fullmatch(text)
    if part is None or len(words(text)) > 7 or set(words(part["rest"])) & (_QUESTION_WORDS | _POINTS_BACK - {"one"}):
        return ""
    for name in _NUMBERED.finditer(part["part"]):
        if re.search(old := rf"\b{name[1]}[ -]?\d\w*", earlier, re.IGNORECASE):
            return re.sub(old, name[0], earlier, flags=re.IGNORECASE)
    if number := re.fullmatch(r"(?:the )?(\d\w*)(?: one)?", part["part"], re.IGNORECASE):
        changed, times = _WITH_NUMBER.subn(rf"\g<1>{number[1]}", earlier)
        return changed if times == 1 else ""
    for kind in _KINDS:
        new = kind.search(part["part"])
        if new and len(kind.findall(earlier)) == 1:
            return kind.sub(new[0], earlier)
    joint = part["joint"]
    if joint and (old_part := re.search(rf"\b{joint} .*?(?=[?.!]|$)", earlier, re.IGNORECASE)):
        return f"{earlier[: old_part.start()]}{part['part']}{earlier[old_part.end() :]}"
    return ""
