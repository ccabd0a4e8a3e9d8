"""What people say for what is written, in American English: numbers, dates, times, money, units, addresses."""

import re
from collections.abc import Callable, Sequence

from services.tts.text.lexicon import (
    ABBREVIATIONS,
    CURRENCIES,
    FRACTIONS,
    MONTH_SHORT,
    MONTHS,
    ROMAN,
    SCALE_WORDS,
    SCALES,
    UNITS,
    WORDS,
    unit,
)
from services.tts.text.numbers import cardinal, decimal, ordinal, paired, spell, year

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_UNIT = "|".join(re.escape(u) for u in sorted(UNITS, key=len, reverse=True))
_SCALE = "|".join(sorted(SCALES, key=len, reverse=True))
_MONEY = "|".join(re.escape(sign) for sign in CURRENCIES)
_MONTH_NAMES = {m.lower(): m for m in MONTHS} | MONTH_SHORT
_YEAR_COMES = frozenset(
    [
        "in",
        "since",
        "from",
        "by",
        "until",
        "till",
        "to",
        "year",
        "of",
        "during",
        "after",
        "before",
        "around",
        "late",
        "early",
        "mid",
    ]
)
_DOMAIN = r"(?:[\w-]+\.)+(?:com|org|net|io|ai|dev|gov|edu|co|uk|de|eu|fr|app|me|info|us|local)"
_PATH_SIGNS = {
    ".": "dot",
    "/": "slash",
    "-": "dash",
    "_": "underscore",
    ":": "colon",
    "?": "question mark",
    "=": "equals",
}
_PATH_SIGNS |= {"&": "and", "#": "hash", "@": "at", "+": "plus", "%": "percent", "~": "tilde"}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_SIGNED = {"-": "minus", "−": "minus", "+": "plus", "~": "about", "≈": "about", "<": "less than", ">": "more than"}
_SIGNED |= {"≤": "at most", "≥": "at least", "±": "plus or minus", "#": "number"}


def spoken_form(words: Sequence[str], i: int) -> str:
    """What is said for the i-th of `words`, without their marks and brackets. Its neighbours may decide ("May 3").
    Empty where nothing is said for it, or a neighbour's words include it."""
    word = words[i].replace("’", "'").replace("\u00a0", "")
    before = words[i - 1] if i else ""
    after = words[i + 1] if i + 1 < len(words) else ""
    known = _known(word, before, after)
    if known is not None:
        return known
    for pattern, speak in _PATTERNS:
        if match := pattern.fullmatch(word):
            return speak(match, before, after)
    return _parts(word)


def _known(word: str, before: str, after: str) -> str | None:
    """Words that stand in the lexicon, alone or because of their neighbours."""
    lower = word.lower()
    before = before.lstrip("~≈<>≤≥±+-−")
    if re.fullmatch(_NUMBER, before) and word in UNITS and word not in ("A", "x"):
        return unit(word, one=before == "1")
    if lower in SCALE_WORDS and (money := re.fullmatch(rf"({_MONEY})(?:{_NUMBER})", before)):
        return f"{lower} {CURRENCIES[money[1]][1]}"
    if lower.rstrip(".") in MONTH_SHORT and re.fullmatch(r"\d{1,4}(st|nd|rd|th)?", after or before):
        return MONTH_SHORT[lower.rstrip(".")]
    if lower in FRACTIONS:
        return FRACTIONS[lower]
    if word in ROMAN and before[:1].isupper():
        return ROMAN[word]
    if lower == "st." and not after[:1].isupper():
        return "street"
    for table in (ABBREVIATIONS, WORDS):
        if lower in table:
            return table[lower]
    return None


def _number(match: re.Match[str], before: str, after: str) -> str:
    number = match[0]
    if number.isdigit():
        month_before, month_after = (w.lower().rstrip(".") in _MONTH_NAMES for w in (before, after))
        if len(number) <= 2 and 1 <= int(number) <= 31:
            if month_before and not re.fullmatch(r"\d{1,2}:\d\d.*", after):
                return ordinal(number)
            if month_after and after[:1].isupper():
                return f"the {ordinal(number)} of"
        if len(number) == 4 and "1100" <= number <= "2099" and after not in UNITS:
            if month_before or before.lower() in _YEAR_COMES or re.fullmatch(r"\d{1,2}(st|nd|rd|th)?", before):
                return year(number)
            if "1900" <= number <= "2039" and not re.fullmatch(r"[a-z]+s", after):
                return year(number)
    return decimal(number)


def _money(match: re.Match[str], _: str, after: str) -> str:
    one, many, hundredth = CURRENCIES[match["sign"]]
    amount, scale = match["amount"], match["scale"]
    if scale:
        return f"{decimal(amount)} {SCALES[scale]} {many}"
    if after.lower() in SCALE_WORDS:
        return decimal(amount)
    whole, _, cents = amount.replace(",", "").partition(".")
    if len(cents) != 2 or not int(cents):
        return f"{decimal(amount)} {one if amount == '1' else many}"
    small = hundredth if int(cents) == 1 else "pence" if hundredth == "penny" else hundredth + "s"
    said = f"{cardinal(cents.lstrip('0'))} {small}"
    return said if not int(whole or "0") else f"{cardinal(whole)} {one if whole == '1' else many} and {said}"


def _time(match: re.Match[str], _: str, after: str) -> str:
    hour, minute, half = match["h"], match["m"] or "00", (match["half"] or "").lower().replace(".", "")
    words = cardinal(str(int(hour)))
    if minute != "00":
        words += " oh " + cardinal(minute[1]) if minute[0] == "0" else " " + cardinal(minute)
    elif not half and after.lower().replace(".", "") not in ("am", "pm", "o'clock"):
        words += " o'clock" if 1 <= int(hour) <= 12 else " hundred"
    if match["s"]:
        words += f" and {cardinal(str(int(match['s'])))} seconds"
    return f"{words} {half.upper()}".strip()


def _date(year_: str, month: str, day: str) -> str | None:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    return f"{MONTHS[int(month) - 1]} {ordinal(str(int(day)))} {year(year_) if len(year_) == 4 else cardinal(year_)}"


def _iso_date(match: re.Match[str], *_: str) -> str:
    return _date(match[1], match[2], match[3]) or " ".join(cardinal(part) for part in match.groups())


def _us_date(match: re.Match[str], *_: str) -> str:
    return (
        _date(match[3], match[1], match[2]) or _date(match[3], match[2], match[1]) or _parts(match[0].replace("/", " "))
    )


def _address(match: re.Match[str], *_: str) -> str:
    """An address for mail or the web: the scheme is not said, signs are."""
    text = re.sub(r"^(https?://|mailto:)(www\.)?|^www\.", "", match[0]).rstrip("/")
    pieces = re.findall(r"[A-Za-z]+|\d+|[^\w\s]|_", text)
    return " ".join(_PATH_SIGNS.get(p, "") if not p.isalnum() else cardinal(p) if p.isdigit() else p for p in pieces)


def _measure(match: re.Match[str], *_: str) -> str:
    return f"{decimal(match[1])} {unit(match[2], one=match[1] == '1')}"


def _decade(match: re.Match[str], *_: str) -> str:
    said = year(match[1]) if match[1] else cardinal(match[2])
    return said[:-1] + "ies" if said.endswith("y") else said + "s"


def _signed(match: re.Match[str], before: str, after: str) -> str:
    return f"{_SIGNED[match[1]]} {spoken_form([before, match[2], after], 1)}"


def _range(match: re.Match[str], *_: str) -> str:
    first, second = (spoken_form(["", part, ""], 1) for part in (match[1], match[2]))
    if match[1][0] in CURRENCIES and match[2][0].isdigit():
        return f"{decimal(match[1][1:])} to {second} {CURRENCIES[match[1][0]][1]}"
    return f"{first} to {second}"


def _by(match: re.Match[str], *_: str) -> str:
    return " by ".join(decimal(n) for n in re.findall(_NUMBER, match[0])) + (
        " " + unit(match["unit"], one=False) if match["unit"] else ""
    )


def _fraction(match: re.Match[str], *_: str) -> str:
    return f"{decimal(match[1])} out of {decimal(match[2])}" if int(match[1]) <= int(match[2]) else _parts(match[0])


def _dotted(match: re.Match[str], *_: str) -> str:
    numbers = match[0].lstrip("vV").split(".")
    said = (" dot " if len(numbers) == 4 else " point ").join(cardinal(n) for n in numbers)
    return ("version " if match[0][0] in "vV" else "") + said


_PATTERNS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str, str], str]], ...] = (
    (re.compile(r"[\w.+-]{1,64}@[\w-]+(\.[\w-]+)+"), _address),
    (re.compile(rf"(https?://|www\.|mailto:)\S+|{_DOMAIN}(:\d+)?(/\S*)?|localhost(:\d+)?(/\S*)?"), _address),
    (re.compile(_NUMBER), _number),
    (re.compile(rf"(?P<sign>{_MONEY})(?P<amount>{_NUMBER})(?P<scale>{_SCALE})?"), _money),
    (re.compile(r"(?P<h>[01]?\d|2[0-4]):(?P<m>[0-5]\d)(:(?P<s>[0-5]\d))?(?P<half>[ap]\.?m\.?)?", re.I), _time),
    (re.compile(r"(?P<h>\d|1[0-2])(?P<m>)(?P<s>)(?P<half>[ap]\.?m\.?)", re.I), _time),
    (re.compile(r"(\d{4})-(\d\d)-(\d\d)"), _iso_date),
    (re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d\d)"), _us_date),
    (re.compile(r"(\d+)(?:st|nd|rd|th)"), lambda match, *_: ordinal(match[1])),
    (re.compile(rf"(?:{_NUMBER})(?:[x×](?:{_NUMBER}))+(?P<unit>{_UNIT})?"), _by),
    (re.compile(r"(\d{3}0)'?s|'(\d0)s"), _decade),
    (re.compile(rf"({_NUMBER})-?({_UNIT})"), _measure),
    (re.compile(rf"({_NUMBER})({_SCALE})"), lambda match, *_: f"{decimal(match[1])} {SCALES[match[2]]}"),
    (re.compile(r"[vV]?\d+(\.\d+){2,3}|[vV]\d+(\.\d+)?"), _dotted),
    (re.compile(r"\+?\d{0,3}-?\(?\d{3}\)?-\d{3}-\d{4}"), lambda match, *_: spell(re.sub(r"\D", "", match[0]))),
    (re.compile(rf"([$€£¥₹]?(?:{_NUMBER}))[-–](\S*\d\S*)"), _range),
    (re.compile(r"([-−+~≈<>≤≥±#])(\S*\d\S*)"), _signed),
    (re.compile(r"(\d+)/(\d+)"), _fraction),
    (re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]\.?"), lambda match, *_: match[0].replace(".", "").upper()),
    (re.compile(r"([A-Za-z]+)[²³]"), lambda match, *_: f"{match[1]} {'squared' if match[0][-1] == '²' else 'cubed'}"),
    (re.compile(r"#([A-Za-z]\w*)"), lambda match, *_: f"hashtag {_parts(match[1])}"),
    (re.compile(r"@([A-Za-z]\w*)"), lambda match, *_: f"at {_parts(match[1])}"),
)

_PIECE = re.compile(rf"{_NUMBER}|[^\W\d_]+(?:['-][^\W\d_]+)*'?|[^\w\s]")
_INSIDE = {"/": "slash", "&": "and", "+": "plus", "=": "equals", "@": "at", "%": "percent", "<": "less than"}
_INSIDE |= {
    "≤": "at most",
    "≥": "at least",
    "→": "to",
    ">": "greater than",
    "×": "times",
    "÷": "divided by",
    "°": "degrees",
}


def _parts(word: str) -> str:
    """What nothing else explains: letters as they are, digits as numbers, a few signs by name, the rest silent."""
    said: list[str] = []
    for piece in _PIECE.findall(word.translate(_SUPERSCRIPTS)):
        if piece[0].isdigit() or (piece[0] == "." and piece[1:].isdigit()):
            alone = said and piece.isdigit()  # the number of a model: H264
            said.append(paired(piece) if alone else decimal(piece))
        elif piece[0].isalpha():
            said.append(WORDS.get(piece.lower(), piece) if piece != word else piece)
        elif piece == "." and 0 < word.index(piece) < len(word) - 1:
            said.append("dot")
        elif piece in _INSIDE:
            said.append(_INSIDE[piece])
    return " ".join(said)
