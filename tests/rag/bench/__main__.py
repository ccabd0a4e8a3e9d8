"""`python -m tests.rag.bench [PART…]`: the quality and the scale of rag-llm; JSON on the last line."""

import importlib
import json
import sys

PARTS = ("quality", "scale")


def main() -> None:
    results: dict[str, object] = {}
    for part in sys.argv[1:] or PARTS:
        results |= importlib.import_module(f"tests.rag.bench.{part}").run()
    sys.stdout.write(json.dumps(results) + "\n")


if __name__ == "__main__":
    main()
