"""The form of an answer: what a question asks for (an amount, a time, a person, …), and the sentences that give it."""

import re

from services.rag_llm.index.terms import terms

_NUMBER = (
    r"\d|\b(half|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty"
    r"|ninety|hundred|thousand|million|dozen|once|twice|daily|weekly|monthly|yearly|every|each|no|none)\b"
)
_TIME = (
    r"\d|\b((mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march|april|may|june|july|august|september"
    r"|october|november|december|noon|midnight|morning|afternoon|evening|night|spring|summer|autumn|winter|weekend"
    r"|today|tomorrow|daily|weekly|monthly|yearly|always|never|any time|every|after|before|until|as soon as|once)\b"
)
_DURATION = (
    r"\b(milliseconds?|seconds?|minutes?|hours?|days?|nights?|weeks?|months?|years?|forever|\d{4}|\d+ ?(s|min|h))\b"
)
_LENGTH = (
    r"\b((milli|centi|kilo)?met(re|er)s?|feet|foot|inch(es)?|miles?|stor(eys?|y|ies)|floors?)\b|\d ?(mm|cm|km|m)\b"
)
_FORMS = {
    "money": (
        r"\b(costs?|prices?|priced|fees?|fares?|expensive|cheap|deposits?|salary|rates?"
        r"|how much (is|are|for)|how much .*pay)\b",
        r"[€$£]|\b(euros?|dollars?|pounds?|cents?|pence|free|nothing|percent|half|included)\b",
    ),
    "time": (
        r"^\W*((and|so|but|or|um|uh|okay|ok|since|until|from|by) )*when\b"
        r"|\b((since|until|till) when|when (is|are|was|were|do|does|did|can|will|must)"
        r"|what time|(what|which) (date|day|year)|how (late|soon|early))\b",
        _TIME,
    ),
    "frequency": (
        r"\bhow (often|regularly|frequently|many times)\b",
        rf"{_NUMBER}|\b(always|never|after|regularly|when)\b",
    ),
    "weight": (
        r"\bhow heavy\b|\b(weigh|weight)\b",
        r"\d ?(kg|g|t|lbs?|oz)\b|\b((kilo)?grams?|kilos?|tons?|tonnes?|pounds?|ounces?)\b",
    ),
    "duration": (
        r"\bhow (long (do|does|did|must|can|could|will|should|has|have|may|before|after|until)|fast|quick(ly)?"
        r"|(far|long) (in advance|ahead|before))\b",
        _DURATION,
    ),
    "loudness": (r"\bhow (loud|noisy|quiet)\b", r"\b(db|decibels?|loud(er)?|quiet(er)?|nois[ey]|silent)\b|\ddb\b"),
    "distance": (r"\bhow (far|tall|high|wide|deep)\b|\b(width|height|depth)\b", _LENGTH),
    "age": (r"\bhow old\b", r"\b(1\d{3}|20\d\d|years? (old|of age)|age|centur(y|ies)|founded|built)\b"),
    "extent": (r"\bhow long\b", rf"{_DURATION}|{_LENGTH}"),
    "temperature": (
        r"\bhow (hot|warm|cold)\b|\btemperature\b",
        r"°|\b(degrees?|celsius|fahrenheit|room temperature)\b",
    ),
    "colour": (
        r"\bcolou?rs?\b",
        r"\b(colou?r\w*|red|blue|green|yellow|black|white|gr[ae]y|brown|orange|pink|purple|silver|gold|golden|copper"
        r"|beige)\b",
    ),
    "count": (r"\bhow many\b", _NUMBER),
    "value": (
        r"\b(how (much|big|large)|wh(at|ich) (\w+ )?(port|size|number|version|percent\w*|resolution|rate|speed"
        r"|length|limit|amount|age|capacity|extension))\b",
        _NUMBER,
    ),
    "person": (
        r"\bwho(se)?\b",
        r"(?<!^)(?<![.!?] )\b[A-Z][a-z]+|\b(we|customers?|employees?|owners?|everyone|everybody|anybody|nobody"
        r"|anyone|person|people|team|staff|children|adults|students|guests|members|parents)\b",
    ),
    "steps": (
        r"\bhow (do|can|could|should|would|to|must)\b(?! (it|they|he|she)\b)|\bwhat (do|should|must|can) i do\b",
        r"^(to|you can|you could|first|just|simply|please) \w"
        r"|\b(type|press|open|click|choose|call|copy|install|run|set|select|add|send|write|bring|use|apply|order"
        r"|by \w+ing)\b",
    ),
}
"""By name: how a question asks for it, and how a sentence looks that gives it; the first that fits counts."""
_ASKS = {form: re.compile(asks, re.IGNORECASE) for form, (asks, _) in _FORMS.items()}
_GIVES = {form: re.compile(gives, re.IGNORECASE if form != "person" else 0) for form, (_, gives) in _FORMS.items()}
STRICT = frozenset(_FORMS) - {"person", "steps"}
"""Where one of these is asked for, a sentence without it is not an answer."""
_LARGE = frozenset(terms("hundred hundreds thousand thousands million millions dozen dozens"))
_SAID_BY = {
    form: frozenset(terms(names))
    for form, names in {
        "money": "price",
        "time": "time date day year",
        "frequency": "times",
        "weight": "weight",
        "loudness": "noise",
        "age": "old age",
        "temperature": "temperature cold",
        "colour": "colour",
        "value": "amount number",
    }.items()
}


def asked_form(text: str) -> str:
    """The form that a question asks for, or blank."""
    return next((form for form, asks in _ASKS.items() if asks.search(text)), "")


def counted(text: str) -> str:
    """The term of what a question wants counted, `room` in "how many rooms"; or blank."""
    asked = re.search(r"\bhow many (\w+)", text, re.IGNORECASE)
    return next(iter(terms(asked[1])), "") if asked else ""


_THING = r"(?P<thing>(?!(?:kind|sort|type)s?\b)\w+)"
_ASKED_FOR = re.compile(
    r"\b(?:which|(?:which|what) (?:kinds?|sorts?|types?) of|what(?= \w+ (?:is|are|do|does|can|should|must)\b)"
    r"|how (?:much|many)|(?:is|are|was|were) there(?: an?| any| some)?"
    rf"|(?:do|does|did) (?:\w+ ){{1,4}}?(?:have|offer|sell)(?: an?| any)?) {_THING}",
    re.IGNORECASE,
)
_SCOPE = re.compile(
    rf"\b(?:at|in|to|for|from|on|with|by|does|do|is|are|can|will|may|must) (?:the|your|our) {_THING}", re.IGNORECASE
)


def things(text: str) -> frozenset[str]:
    """The terms of what is asked for by name (`wine` in "which wine goes with it"), and of where or of what it is asked
    (`hotel` in "is there a gym in the hotel")."""
    found = [*_ASKED_FOR.finditer(text), *_SCOPE.finditer(text)]
    return frozenset(term for asked in found for term in terms(asked["thing"])[:1])


def gives(form: str, sentence: str, things: str = "") -> bool:
    """Whether the sentence holds what the form asks for. `things` are counted: their number stands beside them."""
    if form not in _GIVES or not _GIVES[form].search(sentence):
        return False
    said = terms(sentence)
    if form != "count" or things not in said:
        return True
    numbers = [at for at, term in enumerate(said) if term.isdigit() or term in _LARGE]
    return any(things in (*said[at + 1 : at + 4], *said[max(at - 1, 0) : at]) for at in numbers)


def said_by(form: str) -> frozenset[str]:
    """The terms of a question that a sentence says by giving the form: `3 kg` is a weight, `free` is a price."""
    return _SAID_BY.get(form, frozenset())
