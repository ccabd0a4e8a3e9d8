"""A table's row as a person would say it: only what was asked, as a whole sentence."""

import re
from collections.abc import Sequence

from services.rag_llm.index.terms import terms, words
from services.rag_llm.reading.tables import Row
from services.rag_llm.retrieval.features.forms import STRICT, asked_form, gives
from services.rag_llm.retrieval.features.superlatives import Leader

_NO_NAME = frozenset("value values data detail details description specification specifications amount".split())  # noqa: SIM905  # a list of words reads better as words
"""Headers of a column of values that name nothing."""
_NO_SUBJECT = re.compile(
    r"\b(manual|guide|sheet|handbook|rules?|polic(y|ies)|lists?|prices?|information|data|specifications?|overview)\b",
    re.IGNORECASE,
)
"""Titles of documents that are not what the documents are about."""
_MONEY = re.compile(r"[€$£]|\b(euros?|dollars?|pounds?|cents?|pence|francs?)\b", re.IGNORECASE)
_MONEY_NAMES = frozenset(
    terms(
        "price deposit charge surcharge amount tariff salary bonus discount refund rebate tax rent saving premium total"
    )
)
_PRICE, _WEIGHT = terms("price"), terms("weight")
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_DAYS = re.compile(rf"{_WEEKDAY}(?:\s*(?:,|and|&|to|-|–|until|through)\s*{_WEEKDAY})*", re.IGNORECASE)
_HOURS = re.compile(
    r"(?:from )?(\d{1,2}(?:[:.]\d\d)?(?: ?[ap]m)?)\s*(?:to|-|–|until)\s*(\d{1,2}(?:[:.]\d\d)?(?: ?[ap]m)?)", re.I
)
_COUNT = re.compile(r"\d[\d,]*")
_CLOCK = re.compile(r"\d{1,2}[:.]\d\d(?: ?[ap]m)?|\d{1,2} ?[ap]m", re.IGNORECASE)
_OPENING = re.compile(r"\b(open|opening|hours|consultation|times)\b", re.IGNORECASE)
_PART_OF_DAY = re.compile(r"(morning|afternoon|evening|night)s?", re.IGNORECASE)
_ADJECTIVE = re.compile(r"(valid|available|open|made|included|\w+(able|ible|proof|less|free))", re.IGNORECASE)
_DURATION = re.compile(r"\b(second|minute|hour|day|week|month|year)s?\b")


def say_row(row: Row, title: str, headings: Sequence[str], question: str, context: str = "") -> str:
    """The sentence for what the question, or the one before (`context`), asks of a row of at least two cells."""
    (_, first), *others = row
    if len(others) == 1 and _is_property(others[0][0], title):
        name, value = others[0]
        subject = name if name and name.lower() not in _NO_NAME else "" if _NO_SUBJECT.search(title) else title
        return _sentence(_subject(subject, question), _plain(first, question), value)
    asked = _asked(others, question) or _asked(others, context) or _of_form(others, question) or others
    if _CLOCK.fullmatch(first):
        return _ended(f"At {first}: {', '.join(value for _, value in asked)}")
    if days := _on_days(first):
        return _on(days, asked, " ".join((title, *headings)))
    subject = _subject(first, question)
    if len(asked) == 1:
        return _sentence(subject, *asked[0])
    if all(_says_for_whom(name, value) for name, value in asked):
        verb = "cost" if _is_plural(subject) else "costs"
        return _ended(f"{subject} {verb} {_listed([f'{value} for {_lower(name)}' for name, value in asked])}")
    said = [f"the {_lower(name)} {_is(name)} {value}" if name else value for name, value in asked]
    return _ended(f"For {_inside(subject)}, {_listed(said)}")


def say_leader(row: Row, leader: Leader, question: str) -> str:
    """The sentence for a row that has the most or the least of something."""
    subject = _subject(row[0][1], question)
    plural = _is_plural(subject)
    cells = [cell for cell in row[1:] if cell[0] in leader.columns]
    name, value = cells[0]
    first = f"{subject} {'are' if plural else 'is'} the {leader.extreme.said}"
    if any(_says_for_whom(*cell) for cell in cells):
        return _ended(f"{first}, at {_listed([f'{value} for {_lower(name)}' for name, value in cells])}")
    if leader.named:
        return _ended(f"{subject} {'have' if plural else 'has'} the {leader.extreme.said} {_lower(name)}: {value}")
    if _MONEY.search(value):
        return _ended(f"{first}, at {value}")
    if _is_plural(name) and _COUNT.fullmatch(value):
        return _ended(f"{first}, with {value} {_lower(name)}")
    return _ended(f"{first}: the {_lower(name)} {_is(name)} {value}")


def _is_property(column: str, title: str) -> bool:
    """Whether the cells of the first column are properties of one thing, which this column, or the title, names."""
    return not column or column.lower() in _NO_NAME or set(terms(column)) <= set(terms(title))


def _asked(cells: Sequence[tuple[str, str]], question: str) -> list[tuple[str, str]]:
    """The cells whose column the question names: in full, else the one that it names best."""
    said, asked = f" {' '.join(words(question))} ", set(terms(question))
    found = [set(terms(name)) for name, _ in cells]
    literal = [bool(f) and f" {' '.join(words(name))} " in said for f, (name, _) in zip(found, cells, strict=True)]
    # Zone B is meant by its name, and not Zone A as well, which has no other word that counts.
    meant = [f for f, is_said in zip(found, literal, strict=True) if is_said]
    full = [
        is_said or (bool(f) and f <= asked and not any(f <= m for m in meant))
        for f, is_said in zip(found, literal, strict=True)
    ]
    named = [cell for cell, is_full in zip(cells, full, strict=True) if is_full]
    if named:
        # "What does a bicycle cost" asks for the price under that name, and not for the fare as well.
        prices = [cell for cell in named if _says_for_whom(*cell)]
        return [cell for cell in named if not prices or terms(cell[0]) != _PRICE]
    shares = [len(asked & f) / len(f) if f else 0.0 for f in found]
    return [cell for cell, share in zip(cells, shares, strict=True) if share == max(shares) > 0]


def _of_form(cells: Sequence[tuple[str, str]], question: str) -> list[tuple[str, str]]:
    """The cells that hold what is asked for: a price, a time, a person."""
    form = asked_form(question)
    return [cell for cell in cells if form in (*STRICT, "person") and gives(form, cell[1])]


def _sentence(subject: str, name: str, value: str) -> str:
    found = terms(name)
    plural = _is_plural(subject)
    if found == _WEIGHT:
        return _ended(f"{subject or 'It'} {'weigh' if plural else 'weighs'} {value}")
    long = len(subject.split()) > 5 or " to " in subject
    if _MONEY.search(value) and not long and subject:
        verb = "cost" if plural else "costs"
        if not name or found == _PRICE:
            return _ended(f"{subject} {verb} {value}")
        if _says_for_whom(name, value):
            return _ended(f"{subject} {verb} {value} for {_lower(name)}")
    if subject and not long and _is_plural(name) and _COUNT.fullmatch(value):
        return _ended(f"{subject} {'have' if plural else 'has'} {value} {_lower(name)}")
    if value.lower() in ("yes", "no"):
        return _ended(_yes_or_no(subject or "It", name, value.lower() == "yes"))
    if _ADJECTIVE.fullmatch(name):
        joint = " for" if _DURATION.search(value) and not value.lower().startswith(("for", "from", "until")) else ""
        return _ended(f"{subject or 'It'} {'are' if plural else 'is'} {_lower(name)}{joint} {value}")
    if not name:
        return _ended(f"{subject}: {value}")
    about = f"The {_lower(name)}"
    if not subject:
        return _ended(f"{about} {_is(name)} {value}")
    if long:
        return _ended(f"For {_inside(subject)}, the {_lower(name)} {_is(name)} {value}")
    return _ended(f"{about} {'for' if ' for ' in f' {name} ' else 'of'} {_inside(subject)} {_is(name)} {value}")


def _says_for_whom(name: str, value: str) -> bool:
    """Whether a price stands under the name of who pays it or what for: `Adults`, `Zone A`."""
    return bool(name) and _MONEY.search(value) is not None and not _MONEY_NAMES & set(terms(name))


def _listed(said: Sequence[str]) -> str:
    return f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else "".join(said)


def _yes_or_no(subject: str, name: str, yes: bool) -> str:
    plural = _is_plural(subject)
    if name.lower().startswith("in ") or _ADJECTIVE.fullmatch(name):
        return f"{subject} {'are' if plural else 'is'}{'' if yes else ' not'} {_lower(name)}"
    return f"{subject} {'have' if plural else 'has'}{'' if yes else ' no'} {_lower(name)}"


def _on_days(first: str) -> str:
    """`On Monday`, `From Tuesday to Friday`; blank if the row is not about days."""
    if not _DAYS.fullmatch(first):
        return ""
    days = re.sub(r"\s*(?:-|–|until|through)\s*", " to ", first)
    return f"From {days}" if " to " in days else f"On {days}"


def _on(days: str, asked: Sequence[tuple[str, str]], about: str) -> str:
    """What holds on these days: a part of the day each, or a column each."""
    if all(value.lower() == "closed" for _, value in asked) and len(asked) > 1:
        return _ended(f"{days} it is closed")
    said: list[str] = []
    for n, (name, value) in enumerate(asked):
        part = name.lower() if _PART_OF_DAY.fullmatch(name) else ""
        one_day = n == 0 and days.startswith("On ")
        when = f"{days} {part}" if part and one_day else f"in the {part}" if part else days if n == 0 else ""
        when = f"{days}, {when}" if n == 0 and not when.startswith(days) else when.strip()
        hours = _HOURS.fullmatch(value) if _OPENING.search(f"{about} {name}") else None
        if value.lower() == "closed":
            said.append(f"{when} it is closed".strip())
        elif hours:
            said.append(f"{when} {'it is open ' if n == 0 else ''}from {hours[1]} to {hours[2]}".strip())
        else:
            said.append(
                f"{when}, the {_lower(name)} {_is(name)} {value}" if n == 0 and not part else f"{when} {value}".strip()
            )
    return _ended(_listed(said))


def _subject(first: str, question: str) -> str:
    """The first cell as a subject, with the article that the question gives it."""
    if not first:
        return ""
    plain = _plain(first, question)
    article = re.search(rf"\b(the|an?)\s+{re.escape(first)}\b", question, re.IGNORECASE)
    named = re.search(rf"\b{re.escape(first)}\b", question, re.IGNORECASE)
    proper = sum(word[:1].isupper() for word in first.split()) > 1
    if article:
        return f"{article[1].capitalize()} {plain}"
    if any(c.isdigit() for c in first) or not (named or proper or _is_plural(first)):
        return f"The {plain}"
    return plain[:1].upper() + plain[1:]


def _plain(first: str, question: str) -> str:
    """Without the capital that only the beginning of the cell gives it."""
    rest = first.split()[1:]
    common = rest and first[1:].islower() and not any(c.isdigit() for c in first)
    return _lower(first) if common or (question[:1].isupper() and _lower(first) in question) else first


def _inside(subject: str) -> str:
    """A subject within a sentence."""
    return _lower(subject) if subject.startswith(("The ", "A ", "An ")) else subject


def _lower(name: str) -> str:
    """Without a capital first letter, unless it is a name."""
    head = name.split()[0] if name else ""
    return name[:1].lower() + name[1:] if head[1:].islower() or (len(head) == 1 and name[1:2] == " ") else name


def _is(name: str) -> str:
    return "are" if _is_plural(name) else "is"


def _is_plural(name: str) -> bool:
    last = name.split()[-1].lower() if name else ""
    return (
        last.endswith("s")
        and not last.endswith(("ss", "us", "is"))
        and last.isalpha()
        and name.split()[0] not in ("A", "An")
    )


def _ended(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."
