"""Amounts in words and figures as numbers that can be compared: `1 hour 15 minutes` is more than `38 minutes`."""

import re

from services.rag_llm.index.terms import in_digits, stem

_UNITS: dict[str, dict[str, float]] = {
    "time": {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2.63e6, "year": 3.156e7}
    | {"s": 1, "min": 60, "h": 3600},
    "mass": {"mg": 1e-6, "g": 1e-3, "kg": 1, "t": 1000, "gram": 1e-3, "kilogram": 1, "kilo": 1, "ton": 1000},
    "length": {"mm": 1e-3, "cm": 1e-2, "m": 1, "km": 1000, "millimetre": 1e-3, "centimetre": 1e-2, "metre": 1}
    | {"kilometre": 1000, "meter": 1, "kilometer": 1000},
    "volume": {"ml": 1e-3, "cl": 1e-2, "l": 1, "litre": 1, "liter": 1, "millilitre": 1e-3},
    "data": {"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12},
    "power": {"w": 1, "kw": 1000, "watt": 1, "kilowatt": 1000},
    "euros": {"€": 1, "euro": 1, "cent": 0.01},
    "dollars": {"$": 1, "dollar": 1},
    "pounds": {"£": 1, "pound": 1, "pence": 0.01},
}
_KNOWN = {stem(unit): (dimension, factor) for dimension, units in _UNITS.items() for unit, factor in units.items()}
_NUMBERS = {"": 1.0, "thousand": 1e3, "million": 1e6, "billion": 1e9}
_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d))?(?: ?(am|pm))?", re.IGNORECASE)
_BEFORE = re.compile(r"(?:(?:about|around|approximately|from|up to|only|over|under|at least|at most|ca\.?|[~≈<>]) ?)?")
_AMOUNT = re.compile(
    r"\s*(?:and )?(?P<before>[€$£])?\s*(?P<number>-?\d[\d,]*(?:\.\d+)?)\s*(?P<large>thousand|million|billion)?"
    r"\s*(?P<unit>[€$£%°]|[a-z]+)?"
)
_FREE = frozenset(("free", "nothing", "no charge"))
NOTHING = "nothing"
"""The dimension of what is free: less than any price."""
CURRENCIES = frozenset(("euros", "dollars", "pounds"))


def quantity(text: str) -> tuple[str, float] | None:
    """(dimension, value); a unit that is not known is a dimension of its own. None: it is no single amount.

    Several units of time add up; a range, a date, or two amounts, cannot be compared.
    """
    plain = " ".join(in_digits(re.sub(r"\bone\b", "1", text.lower()).split()))
    if plain in _FREE:
        return NOTHING, 0.0
    clock = _CLOCK.fullmatch(plain)
    if clock and (clock[2] or clock[3]):
        hour = int(clock[1]) % 12 + 12 * (clock[3] == "pm") if clock[3] else int(clock[1])
        return "clock", 60.0 * hour + int(clock[2] or 0)
    found: list[tuple[str, float]] = []
    before = _BEFORE.match(plain)
    at = before.end() if before else 0
    while amount := _AMOUNT.match(plain, at):
        dimension, factor = _KNOWN.get(unit := amount["before"] or stem(amount["unit"] or ""), (unit, 1.0))
        found.append((dimension, float(amount["number"].replace(",", "")) * _NUMBERS[amount["large"] or ""] * factor))
        at = amount.end()
    if not found or len({dimension for dimension, _ in found}) > 1 or (len(found) > 1 and found[0][0] != "time"):
        return None
    return None if any(c.isdigit() for c in plain[at:]) else (found[0][0], sum(value for _, value in found))
