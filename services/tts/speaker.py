"""Runs lines through the engines: few at once, fairly, and no further than the listener follows."""

import asyncio
import contextlib
import os
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from prometheus_client import Gauge

from services.common.errors import Problem
from services.common.logs import logger
from services.common.metrics import TTS_TTFA, TTS_TTFB
from services.common.speech import Speech
from services.tts.assembly import Assembler
from services.tts.catalog import Catalog
from services.tts.engine import Line, Part, SynthesisFailed, Written
from services.tts.sound import onset

_SESSIONS_REMEMBERED = 10_000
_SPEAKING = Gauge("tts_speaking", "Utterances being made")


class CancelledTurns:
    """The highest cancelled turn of each session. Turns only grow: no turn up to it is spoken any more."""

    def __init__(self) -> None:
        self._turns: OrderedDict[str, int] = OrderedDict()

    def cancel(self, session: str, turn: int) -> None:
        """No turn of the session up to this one is spoken from now on."""
        self._turns[session] = max(turn, self._turns.pop(session, 0))
        if len(self._turns) > _SESSIONS_REMEMBERED:
            self._turns.popitem(last=False)

    def forget(self, session: str) -> None:
        """The session is over; its name may come again with turn 1."""
        self._turns.pop(session, None)

    def covers(self, session: str, turn: int) -> bool:
        """Whether the turn is cancelled."""
        return turn <= self._turns.get(session, 0)


class Speaker:
    """Synthesis in worker threads. Each step is one short job in its engine's queue, so that speakers take turns."""

    def __init__(self, catalog: Catalog, cancelled: CancelledTurns, threads: int) -> None:
        """`threads`: how many one job uses; there are as many workers as the cores allow."""
        self.catalog, self.cancelled = catalog, cancelled
        cores = max(1, (os.cpu_count() or 1) // threads)
        self.workers = catalog.engine(catalog.default).at_once or cores
        self.active = 0
        self._pools = {
            name: ThreadPoolExecutor(engine.at_once or cores, thread_name_prefix=name)
            for name, engine in catalog.engines.items()
        }

    async def speak(self, session: str, turn: int, lines: Sequence[Line], rate: int) -> AsyncGenerator[Speech, None]:
        """The lines as one utterance's messages, at `rate` Hz; without a final one where the turn is cancelled.

        Close the iterator to stop; no more than the step under way is then finished.
        """
        began = time.perf_counter()
        sound_came = byte_came = False
        self._count(1)
        try:
            if self.cancelled.covers(session, turn):
                return
            if not lines:
                yield Speech(session=session, turn=turn, sr=rate, chunks=[], final=True)
            assembler = Assembler(session, turn, rate)
            for line in lines:
                async with contextlib.aclosing(self._parts(line)) as parts:
                    async for spoken, part in parts:
                        for message in assembler.push(spoken, part, final=part.last and line is lines[-1]):
                            if not byte_came:
                                TTS_TTFB.observe(time.perf_counter() - began)
                                byte_came = True
                            if not sound_came and (heard := _first_sound(message)) is not None:
                                TTS_TTFA.observe(time.perf_counter() - began + heard)
                                sound_came = True
                            if self.cancelled.covers(session, turn):
                                return
                            yield message
        finally:
            self._count(-1)

    async def _parts(self, line: Line) -> AsyncGenerator[tuple[Line, Part], None]:
        """The line's parts, each with the line as it is spoken: by the stand-in, where its own voice fails at once.

        Raises `Problem` 503 where it fails and there is no stand-in, or where a part of the line is out already.
        """
        begun = False
        steps = self.catalog.engine(line.voice).speak(line)
        while True:
            try:
                part = await self._step(line.voice.engine, steps)
            except SynthesisFailed as failure:
                stand_in = self.catalog.stand_in
                if begun or stand_in is None or line.voice.engine == stand_in.engine:
                    logger().warning("a line failed", voice=line.voice.name, reason=str(failure))
                    raise Problem(503, str(failure)) from failure
                logger().warning("another voice stands in", reason=str(failure), voice=stand_in.name)
                line = replace(line, voice=stand_in)
                steps = self.catalog.engine(stand_in).speak(line)
                continue
            begun = True
            yield line, part
            if part.last:
                return

    async def can_speak(self) -> str | None:
        """Says a word with the default voice, unheard. None, or a sentence about why that failed."""
        line = Line((Written("ok", "okay", "."),), self.catalog.default, 0)
        steps = self.catalog.engine(line.voice).speak(line)
        try:
            # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the answer.
            async with asyncio.timeout(5):
                part = await self._step(line.voice.engine, steps)
        except SynthesisFailed as failure:
            return str(failure)
        except TimeoutError:
            return "the voice has not answered for 5 s; it has too much to say or is stuck"
        return None if np.any(part.pcm) else "the voice is silent"

    async def _step(self, engine: str, steps: Iterator[Part]) -> Part:
        """The line's next part, made in the engine's pool."""
        # With None, since a StopIteration does not pass through a future: the request would wait for ever.
        part = await asyncio.get_running_loop().run_in_executor(self._pools[engine], next, steps, None)
        if part is None:
            raise RuntimeError(f"the engine {engine} ended a line without a last part")
        return part

    def _count(self, change: int) -> None:
        self.active += change
        _SPEAKING.set(self.active)

    def close(self) -> None:
        """Close the engines and end the threads; steps that have not begun are dropped."""
        self.catalog.close()
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=True)


def _first_sound(message: Speech) -> float | None:
    """Seconds from the message's start to its first audible sample."""
    for chunk in message.chunks:
        pcm = np.frombuffer(chunk.pcm(), np.int16).astype(np.float32) / np.float32(32768)
        if (at := onset(pcm)) < len(pcm):
            return at / message.sr
    return None
