"""Search by meaning: the sentences whose vectors are nearest to a question's.

Up to `EXACT_UP_TO` sentences every vector is compared. A larger corpus is parted into cells around trained centres
(Jégou, Douze & Schmid, 2011), of which the nearest are searched by vectors of one byte a dimension; what they
bring is ranked by the stored vectors. `make bench-rag` prints what that finds of what comparing all finds.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import faiss
import numpy as np
from numpy.typing import NDArray

from services.rag_llm.index.embedding.embedder import Vectors

EXACT_UP_TO = 20_000
SHARE_SEARCHED = 1 / 8
"""Share of the cells that one question looks into; at least as many as hold `EXACT_UP_TO` vectors."""
TRAIN_A_CELL = 42
"""Vectors that a cell's centre is trained on."""
AT_ONCE = 16_384
"""Vectors in memory while an index is written."""
FETCH = 2
"""Candidates ranked by the stored vectors, times what is asked for."""

Stored = NDArray[np.float16]
Rows = NDArray[np.int64]


class Dense:
    """Finds rows of `vectors`, [n, dimensions], each of length one."""

    def __init__(self, vectors: Stored, cells: faiss.IndexIVF | None = None) -> None:
        """`cells`: an index of the same vectors; without one every vector is compared."""
        self._vectors, self.cells = vectors, cells
        self._flat = faiss.IndexFlatIP(vectors.shape[1])
        if not cells:
            self._flat.add(vectors.astype(np.float32))

    def nearest(self, vector: NDArray[np.float32], k: int) -> tuple[Rows, NDArray[np.float32]]:
        """(rows, cosines) of the `k` nearest vectors, best first."""
        if not self.cells:
            scores, rows = self._flat.search(vector[None, :], min(k, len(self._vectors)))
            return rows[0], scores[0]
        _, rows = self.cells.search(vector[None, :], FETCH * k)
        found = np.sort(rows[0][rows[0] >= 0])
        cosines = self._vectors[found].astype(np.float32) @ vector
        best = np.argsort(-cosines, kind="stable")[:k]
        return found[best], cosines[best]


def write(path: Path, vectors: Path, dimensions: int, before: Path | None) -> None:
    """Write the cells of a corpus that needs them; those of `before` keep their centres if they still fit.

    `vectors` is the file that holds them, half precision; it is read piece by piece. Raises `OSError`.
    """
    number = vectors.stat().st_size // (2 * dimensions)
    if number <= EXACT_UP_TO:
        return
    cells = _emptied(before, number) if before and before.exists() else None
    cells = cells or _trained(vectors, dimensions, number)
    for piece in _pieces(vectors, dimensions):
        cells.add(piece)
    try:
        faiss.write_index(cells, str(path))
    except RuntimeError as error:  # faiss's own, for a full disk as well
        raise OSError(f"the search index was not written: {error}") from error


def _pieces(vectors: Path, dimensions: int) -> Iterator[Vectors]:
    with vectors.open("rb") as file:
        while len(piece := np.fromfile(file, np.float16, AT_ONCE * dimensions)):
            yield piece.reshape(-1, dimensions).astype(np.float32)


def read(path: Path, vectors: Stored) -> Dense:
    """Raises `RuntimeError` where the file is not faiss's."""
    if len(vectors) <= EXACT_UP_TO:
        return Dense(vectors)
    cells = _mapped(path)
    if cells.ntotal != len(vectors):
        raise ValueError(f"{cells.ntotal} vectors in the cells, {len(vectors)} stored")
    cells.nprobe = math.ceil(cells.nlist * max(SHARE_SEARCHED, EXACT_UP_TO / len(vectors)))
    return Dense(vectors, cells)


def _mapped(path: Path) -> faiss.IndexIVF:
    return cast(faiss.IndexIVF, faiss.read_index(str(path), faiss.IO_FLAG_MMAP))


def _number_of_cells(vectors: int) -> int:
    """About twice the root, as usual."""
    return round(1.8 * math.sqrt(vectors))


def _emptied(path: Path, vectors: int) -> faiss.IndexIVF | None:
    """The cells of an index without what is in them; None if that many vectors want twice or half as many cells."""
    cells = _mapped(path)
    if not 0.5 < cells.nlist / _number_of_cells(vectors) < 2:
        return None
    lists = faiss.ArrayInvertedLists(cells.nlist, cells.code_size)
    cells.replace_invlists(lists, True)
    lists.this.disown()  # type: ignore[attr-defined]  # SWIG: the cells own them now
    cells.ntotal = 0
    return cells


def _trained(vectors: Path, dimensions: int, number: int) -> faiss.IndexIVF:
    """Cells whose centres are trained on a sample."""
    wanted = _number_of_cells(number)
    cells = faiss.index_factory(dimensions, f"IVF{wanted},SQ8", faiss.METRIC_INNER_PRODUCT)
    rng, share = np.random.default_rng(0), min(1.0, TRAIN_A_CELL * wanted / number)
    cells.train(np.concatenate([piece[rng.random(len(piece)) < share] for piece in _pieces(vectors, dimensions)]))
    return cast(faiss.IndexIVF, cells)
