"""The transformer's passes: rows of different windows, at different steps, side by side.

On a GPU each number of rows has a CUDA graph with buffers of its own: a pass is one launch, so the interpreter, which
has sound to send every 20 ms, is not in its way.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from services.renderer.echomimic.networks.transformer import Modulation, Transformer, joined

KERNELS = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""In this order: cuDNN's attention is nearly twice as fast as flash on Hopper."""

WARM_UP = 3
"""Runs before a graph is captured: compiling, and choosing of algorithms, must be over."""


PROGRAMS = 32
"""Of shapes that one block may be compiled for: more than there are windows and numbers of rows."""


class Row(NamedTuple):
    """One row's inputs, as `Transformer.forward` takes them but without the row dimension."""

    latents: Tensor
    given: Tensor
    step: Modulation
    image: Tensor
    audio: Tensor


def captured(work: Callable[[], Tensor], pool: Any = None) -> tuple[Any, Tensor]:
    """A CUDA graph of `work`, and where its replays leave the result; `pool`: of one that it never runs beside."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.inference_mode(), torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            work()
        stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool, stream=stream):
            out = work()
    return graph, out


class Passes:
    """Runs the transformer for several rows at once, by a CUDA graph where one was captured."""

    def __init__(self, transformer: Transformer, text: Tensor, turn: Tensor) -> None:
        self._transformer, self._text, self._turn = transformer, text, turn
        self._graphs: dict[int, Callable[[list[Row]], Tensor]] = {}
        self._pool: Any = None  # of memory; graphs never run side by side

    def __call__(self, rows: list[Row]) -> Tensor:
        """Velocities [rows, latent, T, H, W]. Where there are graphs, for a number of rows that has one."""
        return self._graphs[len(rows)](rows) if self._graphs else self._run(*_stacked(rows))

    def _run(self, x: Tensor, given: Tensor, blocks: Tensor, head: Tensor, image: Tensor, audio: Tensor) -> Tensor:
        dtype = given.dtype
        with sdpa_kernel(KERNELS, set_priority=True):
            return self._transformer(x.to(dtype), given, Modulation(blocks, head), self._turn, self._text, image, audio)

    def compile(self) -> None:
        """Compile the blocks: one program for all of them, for each number of rows."""
        from services.renderer.echomimic.networks import kernels

        torch._dynamo.config.recompile_limit = max(PROGRAMS, torch._dynamo.config.recompile_limit)
        for block in self._transformer.blocks:
            if block.join is joined:  # in 8 bits it has a kernel already
                block.join = kernels.joined
            block.compile(dynamic=False)

    def capture(self, row: Row, count: int) -> None:
        """Make the graph for `count` rows; `row` brings the shapes."""
        buffers = _stacked([row] * count)
        graph, out = captured(lambda: self._run(*buffers), self._pool)
        self._pool = graph.pool()

        def replay(rows: list[Row]) -> Tensor:
            for number, given in enumerate(rows):
                for buffer, dim, value in zip(buffers, _ROW_DIMS, _flat(given), strict=True):
                    buffer.select(dim, number).copy_(value)
            graph.replay()
            return out

        self._graphs[count] = replay

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of rows that there are graphs for; empty where any number goes."""
        return tuple(sorted(self._graphs))


_ROW_DIMS = (0, 0, 0, 0, 2, 2)


def _flat(row: Row) -> tuple[Any, ...]:
    return row.latents, row.given, row.step.blocks, row.step.head, row.image, row.audio


def _stacked(rows: list[Row]) -> list[Tensor]:
    columns = zip(*(_flat(row) for row in rows), strict=True)
    return [torch.stack(column, dim) for column, dim in zip(columns, _ROW_DIMS, strict=True)]
