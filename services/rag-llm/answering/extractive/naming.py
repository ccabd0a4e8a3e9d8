"""What a sentence's first word stands for, so that it can be said alone: `It holds two litres` of the kettle."""

import re

_PLURAL_VERBS = frozenset(
    """are were have come cost weigh hold run work last take make show stand lie need serve open close start end begin
    measure contain find keep go offer support use want like move give do
    """.split()  # noqa: SIM905  # a list of words reads better as words
)
_SINGULAR_VERBS = frozenset(
    """is was has comes costs weighs holds runs works lasts takes makes shows stands lies needs serves opens closes
    starts ends begins measures contains finds keeps goes offers supports uses wants likes moves gives does
    """.split()  # noqa: SIM905  # a list of words reads better as words
)
_MODALS = frozenset("can could may might must should will would did had".split())  # noqa: SIM905  # a list of words reads better as words
_SUBJECT = r"(?:(?:The|A|An|Our|Your|Every|Each) )?[^\s,;:()]+(?: [^\s,;:()]+){0,5}?"
_CLAUSE = re.compile(rf"(?P<subject>{_SUBJECT}) (?P<verb>{'|'.join(_PLURAL_VERBS | _SINGULAR_VERBS | _MODALS)})\b")
_PRONOUN = re.compile(r"(It|Its|They|Their) ")
_NO_SUBJECT = frozenset(
    """it its it's they their this that these those there here he she his her you we i if when to what who all both in
    on at for from with after before as by not no then
    """.split()  # noqa: SIM905  # a list of words reads better as words
)
"""What a sentence may begin with that is no subject of its own."""


def subject_of(sentence: str) -> tuple[str, bool] | None:
    """The subject and whether it is plural; None if that cannot be told."""
    clause = _CLAUSE.match(sentence)
    if clause is None:
        return None
    subject = clause["subject"]
    if subject.split()[0].lower() in _NO_SUBJECT or {"and", "or"} & set(subject.split()):
        return None
    if clause["verb"] in _MODALS:
        last = subject.split()[-1]
        return subject, last.endswith("s") and not last.endswith(("ss", "us"))
    return subject, clause["verb"] in _PLURAL_VERBS


def named(sentence: str, before: str) -> str | None:
    """The sentence with its leading pronoun replaced by the subject of the one before; None if that cannot be told."""
    pronoun = _PRONOUN.match(sentence)
    found = subject_of(before)
    if pronoun is None or found is None:
        return None
    subject, plural = found
    if plural != (pronoun[1] in ("They", "Their")):
        return None
    owner = "" if pronoun[1] in ("It", "They") else "'" if subject.endswith("s") else "'s"
    return f"{subject}{owner} {sentence[pronoun.end() :]}"
