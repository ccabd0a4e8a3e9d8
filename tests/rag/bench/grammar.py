# ruff: noqa: SIM905  # lists of words read better as words
"""A corpus of any size, written by a seeded grammar: the same seed gives the same documents, and questions about them.

Every document is about a thing with a name of its own, so the vocabulary grows with the corpus as a real one does, and
each of its facts is stated in the words of its section. Nothing is downloaded.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECTIONS_A_DOCUMENT = 10

_ONSETS = "b br c ch cl d dr f fl g gl gr h k kl l m n p pl qu r s sk sl st t th tr v w y z".split()
_VOWELS = "a e i o u ae ea ia io ou ei".split()
_CODAS = "n r l s t m x nd rk lt st nt rn ck ss".split()
_KINDS = """kettle drill lamp bicycle museum clinic library hotel railway insurance camera printer oven greenhouse ferry
school bakery heater tent pump theatre garden scanner fridge boat vineyard gym toaster router tractor""".split()
_COLOURS = "red white black silver dark-green copper ivory navy graphite sand amber turquoise".split()
_MATERIALS = "steel glass oak aluminium bamboo ceramic wool leather carbon brass linen granite".split()
_TOWNS = "Bonn Ghent Turin Bergen Porto Graz Lyon Cork Basel Malmo Krakow Leeds Aarhus Pisa Tartu Utrecht".split()
_PARTS = """filter valve hinge battery handle lid sensor cable display nozzle bearing gasket pedal mirror antenna belt
gearbox housing thermostat switch fuse lens shutter burner hose wheel spindle motor fan lamp bracket""".split()
_TOOLS = [
    "vinegar",
    "a soft cloth",
    "a brush",
    "warm water",
    "a torque wrench",
    "compressed air",
    "a drop of oil",
    "soap",
]
_PEOPLE = "visitors customers members students patients travellers guests owners residents employees".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MONTHS = """January February March April May June July August September October November December""".split()
_VERBS = "clean replace inspect adjust lubricate unlock calibrate store install remove charge test".split()
_REASONS = [
    "because the law demands it",
    "after complaints from the first season",
    "to save energy",
    "since the merger of 2019",
    "so that nobody has to wait",
    "for reasons of safety",
    "as the old supplier closed",
    "in order to protect the surface",
]

# A section: its heading, what is asked about it, and sentences. The first sentence holds the fact that is asked for.
_SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "Weight and size",
        "How much does the {name} weigh?",
        (
            "The {name} {kind} weighs {n}.{d} kilograms without its {part}.",
            "It is {n2} centimetres wide and {n3} centimetres high.",
            "Packed in its box of {material} it needs about {n} litres of space in the hall.",
            "The {colour} version is a little heavier, by {n4} grams.",
        ),
    ),
    (
        "Price",
        "What does the {name} cost?",
        (
            "The {name} {kind} costs {n3} euros, {part} included.",
            "Since {month} the price for {people} is {n2} euros lower.",
            "Delivery to {town} is free from {n4} euros on.",
        ),
    ),
    (
        "Opening hours",
        "When does the {name} open?",
        (
            "The {name} {kind} opens at {h} o'clock on {day} and closes at {h2}.",
            "In {month} it stays open until {h2} for {people}.",
            "On the last {day} of {month} everything is closed {reason}.",
        ),
    ),
    (
        "Care of the {part}",
        "How do I {verb} the {part} of the {name}?",
        (
            "To {verb} the {part} of the {name}, use {tool} and wait {n} minutes.",
            "Never touch the {part} while the {kind} is running.",
            "Then {verb2} the {part2}, and dry it with a cloth of {material}.",
            "Do this every {n} weeks, or more often if the water in {town} is hard.",
        ),
    ),
    (
        "History",
        "Who founded the {name}?",
        (
            "The {name} {kind} was founded in {year} by {person}, an engineer from {town}.",
            "Its first workshop stood in {town2}, where {people} still find a plaque of {material}.",
            "In {year2} it moved {reason}.",
        ),
    ),
    (
        "Guarantee",
        "How long is the guarantee of the {name}?",
        (
            "The guarantee of the {name} lasts {n} years and covers the {part}.",
            "Damage to the {part2} by {tool} is not covered.",
            "To claim it, {people} send the bill of {month} to the office in {town}.",
            "A repair takes {n2} days on average.",
        ),
    ),
    (
        "Materials and colours",
        "Which colours does the {name} come in?",
        (
            "The {name} comes in {colour}, {colour2} and {colour3}.",
            "Its {part} is made of {material}, its {part2} of {material2}.",
            "The {colour} one was chosen by {people} of {town} {reason}.",
        ),
    ),
    (
        "Cancelling",
        "Until when can I cancel at the {name}?",
        (
            "At the {name} {people} may cancel up to {n2} days before {day} without a fee.",
            "Later than that, {n} percent of the price is kept.",
            "The rule was changed in {year} {reason}.",
        ),
    ),
    (
        "Noise and energy",
        "How much power does the {name} draw?",
        (
            "The {name} {kind} draws {n4} watts at work and {n} watts at rest.",
            "With the {part} closed it is as loud as {n2} decibels.",
            "A timer on the {part2} switches it off at {h2} o'clock {reason}.",
        ),
    ),
    (
        "Getting there",
        "How do I get to the {name}?",
        (
            "The {name} is {n} minutes on foot from the station of {town}, behind the {kind2}.",
            "Bus {n2} runs every {n} minutes until {h2} o'clock, on {day} as well.",
            "Parking in {town2} costs {n} euros an hour for {people}.",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the document that holds its answer."""

    text: str
    source: str


def write_corpus(folder: Path, documents: int, seed: int = 7) -> Iterator[Asked]:
    """Write `documents` files of ten sections each, a passage or two a section; yields a question about each one."""
    rng = random.Random(seed)
    names = _names(rng)
    for number in range(documents):
        source = f"{number // 500:03d}/{number:06d}.md"
        path = folder / source
        path.parent.mkdir(parents=True, exist_ok=True)
        text, question = _document(rng, next(names))
        path.write_text(text, "utf-8")
        yield Asked(question, source)


def _names(rng: random.Random) -> Iterator[str]:
    """Made-up names, each once: `Brealtoun 340`."""
    seen: set[str] = set()
    while True:
        syllables = (
            rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(rng.choice((2, 2, 3)))
        )
        name = "".join(syllables).capitalize()
        if rng.random() < 0.3:
            name += f" {rng.randrange(2, 99) * 10}"
        if name not in seen:
            seen.add(name)
            yield name


def _document(rng: random.Random, name: str) -> tuple[str, str]:
    kind = rng.choice(_KINDS)
    lines = [f"# {name} {kind}"]
    asked = []
    for heading, question, sentences in rng.sample(_SECTIONS, SECTIONS_A_DOCUMENT):
        words = _slots(rng, name, kind)
        lines += [f"## {heading.format(**words)}", " ".join(sentence.format(**words) for sentence in sentences)]
        asked.append(question.format(**words))
    return "\n\n".join(lines) + "\n", rng.choice(asked)


def _slots(rng: random.Random, name: str, kind: str) -> dict[str, str | int]:
    part, part2 = rng.sample(_PARTS, 2)
    colours = rng.sample(_COLOURS, 3)
    material, material2 = rng.sample(_MATERIALS, 2)
    town, town2 = rng.sample(_TOWNS, 2)
    verb, verb2 = rng.sample(_VERBS, 2)
    return {
        "name": name,
        "kind": kind,
        "kind2": rng.choice(_KINDS),
        "part": part,
        "part2": part2,
        "colour": colours[0],
        "colour2": colours[1],
        "colour3": colours[2],
        "material": material,
        "material2": material2,
        "town": town,
        "town2": town2,
        "verb": verb,
        "verb2": verb2,
        "tool": rng.choice(_TOOLS),
        "people": rng.choice(_PEOPLE),
        "day": rng.choice(_DAYS),
        "month": rng.choice(_MONTHS),
        "reason": rng.choice(_REASONS),
        "person": f"{next(_names(rng)).split()[0]} {next(_names(rng)).split()[0]}",
        "year": rng.randrange(1880, 2024),
        "year2": rng.randrange(1950, 2024),
        "h": rng.randrange(6, 12),
        "h2": rng.randrange(16, 24),
        "n": rng.randrange(2, 30),
        "d": rng.randrange(1, 10),
        "n2": rng.randrange(30, 90),
        "n3": rng.randrange(20, 999),
        "n4": rng.randrange(100, 2500),
    }
