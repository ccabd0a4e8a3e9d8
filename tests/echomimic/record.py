"""Stores what the reference computes, for machines without the submodule: `python -m tests.echomimic.record`.

`reference.safetensors` holds the outputs that `reference.results` made at the pinned commit in fp32 on the CPU, and, as
JSON in its header, the names and shapes that the original checkpoints give each model's weights; the weights themselves
are drawn from the seed by `tiny.drawn`.
"""

import json

from safetensors.torch import save_file

from tests.echomimic.reference import ROOT, checked_out, results
from tests.echomimic.stored import PATH


def main() -> None:
    if not checked_out():
        raise SystemExit(f"{ROOT} is empty: git submodule update --init third_party/echomimic_v3")
    outputs, sizes = results()
    save_file({name: tensor.contiguous() for name, tensor in outputs.items()}, PATH, {"sizes": json.dumps(sizes)})


if __name__ == "__main__":
    main()
