"""A small corpus of the tests' own: a shop for kettles, with two models and two years that are easily confused."""

from pathlib import Path

DOCUMENTS = {
    "rocket.md": """# Rocket kettle

## Weight and size
The Rocket weighs 1.2 kilograms. It holds 1.7 litres of water.

## Noise
The Rocket is as loud as a conversation when it boils.

## Care
To remove limescale from the Rocket, fill it with vinegar and leave it over night. Then rinse it twice.
""",
    "comet.md": """# Comet kettle

## Weight and size
The Comet weighs 0.9 kilograms. It holds 1.0 litres of water.

## Colours
The Comet comes in:

- red
- white
- black
""",
    "prices.html": """<html><head><title>Price list</title><script>var secret = "never read this";</script></head>
<body><h1>Price list</h1><h2>Prices of the kettles</h2>
<table><tr><th>Model</th><th>Price</th><th>Guarantee</th></tr>
<tr><td>Rocket</td><td>49 euros</td><td>3 years</td></tr>
<tr><td>Comet</td><td>79 euros</td><td>5 years</td></tr></table></body></html>
""",
    "returns/2023.txt": """Returns in 2023
===============

In 2023 goods could be sent back within 14 days.
""",
    "returns/2024.txt": """Returns in 2024
===============

In 2024 goods can be sent back within 30 days. The customer pays the postage.
""",
    "shop.md": """# The shop

## Opening hours
The shop is open from nine to six, Monday to Saturday. On Sundays it is closed.

## Founder
The shop was founded by Maria Keller, a retired engineer.
""",
}


def write_shop(folder: Path) -> Path:
    """The documents in a folder of files."""
    for source, text in DOCUMENTS.items():
        path = folder / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder
