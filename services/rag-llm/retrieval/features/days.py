"""Days of the week that a text speaks of: `Monday to Friday` is five of them, and no Sunday."""

import re

_DAYS = ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun")
_DAY = rf"({'|'.join(_DAYS)})days?"
_NAMED = re.compile(rf"\b{_DAY}(?:\s*(?:to|-|–|until|till|through)\s*{_DAY})?\b", re.IGNORECASE)
_SEVERAL = {
    re.compile(r"\b(daily|every ?day|all week|each day|seven days a week)\b", re.IGNORECASE): range(7),
    re.compile(r"\b(weekdays?|working days?)\b", re.IGNORECASE): range(5),
    re.compile(r"\bweekends?\b", re.IGNORECASE): range(5, 7),
}


def days_in(text: str) -> frozenset[int]:
    """From 0, a Monday, to 6."""
    found = {day for several, days in _SEVERAL.items() if several.search(text) for day in days}
    for named in _NAMED.finditer(text):
        first = _DAYS.index(named[1].lower())
        last = _DAYS.index(named[2].lower()) if named[2] else first
        found.update((first + more) % 7 for more in range((last - first) % 7 + 1))
    return frozenset(found)
