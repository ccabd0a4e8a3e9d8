"""What turns sentences into vectors, as the rest of the service sees it."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""[n, dimensions], each row of length one: a dot product is a cosine similarity."""


class Embedder(Protocol):
    """Loads once, then may be called from several threads."""

    name: str  # names the model: an index made by another one is made anew
    dimensions: int

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One vector a text, in order. What does not fit into the model's input is left out."""
        ...
