"""Numbers as people say them in American English."""

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ("", "thousand", "million", "billion", "trillion", "quadrillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_LONGEST = 3 * len(_SCALES)


def cardinal(digits: str) -> str:
    """`1234` → one thousand two hundred thirty four. Longer than any name, or after a zero: digit by digit."""
    if len(digits) > _LONGEST or (len(digits) > 1 and digits[0] == "0"):
        return spell(digits)
    n = int(digits)
    if n == 0:
        return _ONES[0]
    words: list[str] = []
    for scale in _SCALES:
        n, rest = divmod(n, 1000)
        if rest:
            words = [*_below_thousand(rest), *([scale] if scale else []), *words]
        if not n:
            break
    return " ".join(words)


def _below_thousand(n: int) -> list[str]:
    hundreds, rest = divmod(n, 100)
    words = [_ONES[hundreds], "hundred"] if hundreds else []
    return words + (_pair(rest).split() if rest else [])


def _pair(n: int) -> str:
    if n < 20:
        return _ONES[n]
    tens, ones = divmod(n, 10)
    return f"{_TENS[tens]} {_ONES[ones]}" if ones else _TENS[tens]


def ordinal(digits: str) -> str:
    """`21` → twenty first."""
    *head, last = cardinal(digits).split()
    last = _ORDINALS[last] if last in _ORDINALS else last[:-1] + "ieth" if last.endswith("y") else last + "th"
    return " ".join([*head, last])


def spell(digits: str) -> str:
    """`105` → one oh five."""
    return " ".join("oh" if d == "0" else _ONES[int(d)] for d in digits)


def decimal(number: str) -> str:
    """`3.05` → three point zero five; commas group thousands."""
    whole, _, fraction = number.replace(",", "").partition(".")
    words = cardinal(whole or "0")
    return f"{words} point {' '.join(_ONES[int(d)] for d in fraction)}" if fraction else words


def year(digits: str) -> str:
    """`2024` → twenty twenty four; `1905` → nineteen oh five; `2007` → two thousand seven."""
    century, rest = int(digits[:2]), int(digits[2:])
    if digits[1:3] == "00":
        return cardinal(digits)
    if not rest:
        return f"{_pair(century)} hundred"
    return f"{_pair(century)} {'oh ' + _ONES[rest] if rest < 10 else _pair(rest)}"


def paired(digits: str) -> str:
    """How model numbers are said: `264` → two sixty four, `4090` → forty ninety, `10` → ten."""
    if len(digits) in (3, 4) and not digits.endswith("00") and digits[-2] != "0" and digits[0] != "0":
        return f"{_pair(int(digits[:-2]))} {_pair(int(digits[-2:]))}"
    return cardinal(digits)
