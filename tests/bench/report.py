"""How the benches write what they measure: a line when something begins, at the end a table and one line of JSON."""

import json
import sys
from collections.abc import Iterable, Mapping

import numpy as np


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def percentiles(values: Iterable[float]) -> dict[str, float]:
    """The median and the 95th percentile, in the unit of the values, rounded to a tenth."""
    values = list(values)
    return {f"p{p}": round(float(np.percentile(values, p)), 1) for p in (50, 95)}


def report(numbers: Mapping[str, object], meanings: Mapping[str, str]) -> None:
    """Write each number with its meaning, in the order of the meanings, then all numbers as JSON."""
    say("")
    for name, meaning in meanings.items():
        if name in numbers:
            value = numbers[name]
            shown = "  ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
            say(f"{name:28} {shown}\n{'':28} {meaning}")
    say("")
    say(json.dumps(numbers))
