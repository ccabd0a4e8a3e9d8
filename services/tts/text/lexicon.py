"""Abbreviations, units and signs of American English, and what people say for them."""

TITLES = {
    "dr.": "doctor",
    "mr.": "mister",
    "mrs.": "missus",
    "ms.": "miz",
    "prof.": "professor",
    "st.": "saint",
    "gen.": "general",
    "sen.": "senator",
    "rep.": "representative",
    "gov.": "governor",
    "capt.": "captain",
    "sgt.": "sergeant",
    "lt.": "lieutenant",
    "col.": "colonel",
    "rev.": "reverend",
    "mt.": "mount",
    "ft.": "fort",
    "fig.": "figure",
    "sec.": "section",
    "ch.": "chapter",
    "vol.": "volume",
    "no.": "number",
    "nos.": "numbers",
    "p.": "page",
    "pp.": "pages",
    "eq.": "equation",
    "approx.": "approximately",
    "vs.": "versus",
    "cf.": "compare",
    "e.g.": "for example",
    "i.e.": "that is",
    "viz.": "namely",
}
"""Never the end of a sentence."""

BEFORE_A_NUMBER = frozenset(["fig.", "sec.", "ch.", "vol.", "no.", "nos.", "p.", "pp.", "eq."])
"""Abbreviations only before a number; else "No." is an answer."""

ENDINGS = {
    "etc.": "et cetera",
    "inc.": "incorporated",
    "ltd.": "limited",
    "co.": "company",
    "corp.": "corporation",
    "jr.": "junior",
    "sr.": "senior",
    "dept.": "department",
    "est.": "established",
    "ave.": "avenue",
    "blvd.": "boulevard",
    "rd.": "road",
    "min.": "minutes",
    "max.": "maximum",
    "avg.": "average",
    "al.": "al",
    "a.m.": "AM",
    "p.m.": "PM",
    "ph.d.": "PHD",
}
"""The end of a sentence where a capital follows."""

WORDS = {
    "vs": "versus",
    "w/": "with",
    "w/o": "without",
    "&": "and",
    "+": "plus",
    "=": "equals",
    "≠": "is not equal to",
    "≈": "about",
    "±": "plus or minus",
    "×": "times",
    "÷": "divided by",
    "<": "less than",
    ">": "greater than",
    "≤": "at most",
    "≥": "at least",
    "→": "to",
    "%": "percent",
    "°": "degrees",
    "24/7": "twenty four seven",
    "9/11": "nine eleven",
    "i/o": "eye oh",
    "c++": "see plus plus",
    "c#": "see sharp",
    "f#": "eff sharp",
    "rag": "rag",
    "ram": "ram",
    "faiss": "face",
    "onnx": "onyx",
    "sql": "sequel",
    "nginx": "engine x",
    "fps": "frames per second",
}
"""Whole words, whatever their case."""

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
MONTH_SHORT = {m[:3].lower(): m for m in MONTHS} | {"sept": "September"}

UNITS = {
    "ms": "millisecond",
    "µs": "microsecond",
    "us": "microsecond",
    "ns": "nanosecond",
    "s": "second",
    "sec": "second",
    "secs": "second",
    "min": "minute",
    "mins": "minute",
    "h": "hour",
    "hr": "hour",
    "hrs": "hour",
    "km": "kilometer",
    "m": "meter",
    "cm": "centimeter",
    "mm": "millimeter",
    "nm": "nanometer",
    "mi": "mile",
    "ft": "foot",
    "lb": "pound",
    "lbs": "pound",
    "oz": "ounce",
    "kg": "kilogram",
    "g": "gram",
    "mg": "milligram",
    "l": "liter",
    "ml": "milliliter",
    "B": "byte",
    "KB": "kilobyte",
    "kB": "kilobyte",
    "MB": "megabyte",
    "GB": "gigabyte",
    "TB": "terabyte",
    "PB": "petabyte",
    "KiB": "kibibyte",
    "MiB": "mebibyte",
    "GiB": "gibibyte",
    "bit": "bit",
    "bits": "bit",
    "kbit": "kilobit",
    "Mbit": "megabit",
    "Gbit": "gigabit",
    "Hz": "hertz",
    "kHz": "kilohertz",
    "MHz": "megahertz",
    "GHz": "gigahertz",
    "W": "watt",
    "kW": "kilowatt",
    "MW": "megawatt",
    "kWh": "kilowatt hour",
    "V": "volt",
    "A": "ampere",
    "mA": "milliampere",
    "mAh": "milliampere hour",
    "dB": "decibel",
    "px": "pixel",
    "fps": "frame",
    "FPS": "frame",
    "rpm": "revolution",
    "RPM": "revolution",
    "mph": "mile",
    "kbps": "kilobit",
    "Mbps": "megabit",
    "Gbps": "gigabit",
    "°": "degree",
    "°C": "degree",
    "°F": "degree",
    "%": "percent",
    "m²": "square meter",
    "km²": "square kilometer",
    "m³": "cubic meter",
    "x": "times",
    "×": "times",
}
"""Singular; `plural` knows the irregular ones."""

UNIT_TAILS = {
    "fps": "per second",
    "FPS": "per second",
    "rpm": "per minute",
    "RPM": "per minute",
    "mph": "per hour",
    "kbps": "per second",
    "Mbps": "per second",
    "Gbps": "per second",
    "°C": "Celsius",
    "°F": "Fahrenheit",
}

_PLURALS = {"foot": "feet", "hertz": "hertz", "kilohertz": "kilohertz", "megahertz": "megahertz"} | {
    same: same for same in ("gigahertz", "percent", "times")
}

SCALES = {
    "k": "thousand",
    "K": "thousand",
    "m": "million",
    "M": "million",
    "mn": "million",
    "b": "billion",
    "B": "billion",
    "bn": "billion",
    "T": "trillion",
    "tn": "trillion",
}
SCALE_WORDS = frozenset({"thousand", "million", "billion", "trillion"})

CURRENCIES = {
    "$": ("dollar", "dollars", "cent"),
    "€": ("euro", "euros", "cent"),
    "£": ("pound", "pounds", "penny"),
    "¥": ("yen", "yen", "sen"),
    "₹": ("rupee", "rupees", "paisa"),
}
"""Sign to one, many, and the hundredth."""

FRACTIONS = {
    "1/2": "one half",
    "1/3": "one third",
    "2/3": "two thirds",
    "1/4": "one quarter",
    "3/4": "three quarters",
    "½": "one half",
    "⅓": "one third",
    "⅔": "two thirds",
    "¼": "one quarter",
    "¾": "three quarters",
}

ROMAN = {
    "II": "two",
    "III": "three",
    "IV": "four",
    "VI": "six",
    "VII": "seven",
    "VIII": "eight",
    "IX": "nine",
    "XI": "eleven",
    "XII": "twelve",
}


def unit(sign: str, *, one: bool) -> str:
    """What a unit's sign is said as, after one or many."""
    name = UNITS[sign]
    if not one:
        name = _PLURALS.get(name, name + "s")
    tail = UNIT_TAILS.get(sign)
    return f"{name} {tail}" if tail else name
