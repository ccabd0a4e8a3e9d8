"""Numbers as people say them in American English: without "and", commas and hyphens."""

from num2words import num2words

_LONGEST = 18
"""Digits of a number that is said as one; the names of larger ones nobody knows."""


def cardinal(digits: str) -> str:
    """`1234` → one thousand two hundred thirty four. Longer than any name, or after a zero: digit by digit."""
    if len(digits) > _LONGEST or (len(digits) > 1 and digits[0] == "0"):
        return spell(digits)
    return _words(digits, "cardinal")


def ordinal(digits: str) -> str:
    """`21` → twenty first. Longer than any name: digit by digit, the last one as an ordinal."""
    if len(digits) > _LONGEST:
        return f"{spell(digits[:-1])} {ordinal(digits[-1])}"
    return _words(digits, "ordinal")


def spell(digits: str) -> str:
    """`105` → one oh five."""
    return " ".join("oh" if d == "0" else _DIGITS[int(d)] for d in digits)


def decimal(number: str) -> str:
    """`3.05` → three point zero five; commas group thousands."""
    whole, _, fraction = number.replace(",", "").partition(".")
    words = cardinal(whole or "0")
    return f"{words} point {' '.join(_DIGITS[int(d)] for d in fraction)}" if fraction else words


def year(digits: str) -> str:
    """`2024` → twenty twenty four; `1905` → nineteen oh five; `2007` → two thousand seven."""
    return _words(digits, "year")


def paired(digits: str) -> str:
    """How model numbers are said: `264` → two sixty four, `4090` → forty ninety, `10` → ten."""
    if len(digits) in (3, 4) and not digits.endswith("00") and digits[-2] != "0" and digits[0] != "0":
        return f"{cardinal(digits[:-2])} {cardinal(digits[-2:])}"
    return cardinal(digits)


def _words(digits: str, form: str) -> str:
    """`form` as num2words names it."""
    said: str = num2words(int(digits), to=form)
    return said.replace(" and ", " ").replace(",", "").replace("-", " ")


_DIGITS = [_words(digit, "cardinal") for digit in "0123456789"]
