"""Continuous batching (Yu et al. 2022, Orca): one thread owns the model, and utterances join and leave at any token.

Nothing is made before it is asked for: an utterance whose listener does not ask stands still, and one that nobody
listens to any more costs nothing after the token under way. A step that fails ends the utterances that it was for.
Whatever else the thread raises ends it, and all who wait are told.
"""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import torch

from services.common.logs import logger
from services.tts.engine import SynthesisFailed
from services.tts.sound import Sound
from services.tts.xtts.decoder import Decoder
from services.tts.xtts.vocoder import Vocoder, VocoderWindow

_CLOSED = "The voice is being shut down."
_DIED = "XTTS has failed and starts again; the log says why."


@dataclass(eq=False, slots=True)
class Synthesis:
    """A voice ([1, 32, width] and [1, 512, 1]) and a text, on its way to sound."""

    voice: torch.Tensor
    speaker: torch.Tensor
    text: list[int]
    row: int | None = None
    tokens: int = 0
    ended: bool = False
    latents: torch.Tensor | None = None  # kept here once the row is given back
    sounded: int = 0  # frames handed out
    wanted: int = 0  # frames asked for
    answer: "Future[tuple[Sound, bool]] | None" = None


@dataclass(frozen=True, slots=True)
class _Request:
    """What the thread shall do next, and the answer that somebody waits for; None: nobody does."""

    act: Callable[[], None]
    answer: Future[Any] | None


class Batch:
    """The thread and what it is asked. `more` may be called from many threads, for one synthesis from one at a time."""

    def __init__(self, decoder: Decoder, vocoder: Vocoder) -> None:
        self._decoder, self._vocoder = decoder, vocoder
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._free = list(reversed(range(decoder.rows)))
        self._waiting: deque[Synthesis] = deque()  # for a row, in the order of their first request
        self._rows: dict[int, Synthesis] = {}
        self._asking: list[Synthesis] = []
        self._stopped: str | None = None  # why nothing can be requested any more
        self._gate = threading.Lock()  # nothing is requested after the thread has looked for the last time
        self.ended: Future[None] = Future()
        """Done when the thread has ended; unless `close` ended it, with the exception that did."""
        self.ended.set_running_or_notify_cancel()  # a task that waits for it may be cancelled, and it stays
        self._thread = threading.Thread(target=self._run, name="xtts", daemon=True)
        self._thread.start()

    def more(self, synthesis: Synthesis, frames: int) -> tuple[Sound, bool]:
        """Its next `frames` frames of sound, fewer at its end; whether it is over. Raises SynthesisFailed."""
        answer: Future[tuple[Sound, bool]] = Future()

        def ask() -> None:
            synthesis.wanted, synthesis.answer = synthesis.sounded + frames, answer
            self._asking.append(synthesis)
            if synthesis.row is None and not synthesis.tokens:
                self._waiting.append(synthesis)

        self._request(_Request(ask, answer))
        return answer.result()

    def leave(self, synthesis: Synthesis) -> None:
        """Nobody listens to it any more."""
        with contextlib.suppress(SynthesisFailed):  # the thread has ended: all are left
            self._request(_Request(lambda: self._forget(synthesis), None))

    def do(self, work: Callable[[], None]) -> None:
        """Run `work` between two tokens, with the model to itself. Returns when it is done; raises what it raises."""
        done: Future[None] = Future()

        def run() -> None:
            try:
                work()
            except Exception as error:
                done.set_exception(error)
            else:
                done.set_result(None)

        self._request(_Request(run, done))
        done.result()

    def close(self) -> None:
        """End the thread; whoever still waits is told so."""
        self._requests.put(None)
        self._thread.join(10)

    def _request(self, request: _Request) -> None:
        with self._gate:
            if self._stopped is not None:
                raise SynthesisFailed(self._stopped)
            self._requests.put(request)

    def _run(self) -> None:
        try:
            while self._read():
                try:
                    self._iterate()
                except Exception as error:
                    logger().error("a step of XTTS failed", exc_info=error)
                    self._fail([*self._rows.values(), *self._asking], error)
        except Exception as error:
            self._refuse_all(_DIED)
            self.ended.set_exception(error)
        else:
            self._refuse_all(_CLOSED)
            self.ended.set_result(None)

    def _refuse_all(self, why: str) -> None:
        """Tell whoever waits, and whoever asks from now on, that no answer comes."""
        with self._gate:
            self._stopped = why
        answers = [synthesis.answer for synthesis in self._asking]
        while not self._requests.empty():
            if request := self._requests.get():
                answers.append(request.answer)
        for answer in answers:
            if answer is not None:
                answer.set_exception(SynthesisFailed(why))

    def _read(self) -> bool:
        """Take in what is requested; wait for it where there is nothing else to do. False: the thread shall end."""
        while True:
            try:
                request = self._requests.get(block=not self._asking)
            except queue.Empty:
                return True
            if request is None:
                return False
            try:
                request.act()
            except Exception:
                if request.answer is not None:
                    request.answer.set_exception(SynthesisFailed(_DIED))
                raise

    def _iterate(self) -> None:
        """Hand out what is ready, let one newcomer in, and draw one token for everybody who needs one."""
        self._sound([u for u in self._asking if u.ended or (u.tokens and self._available(u) >= u.wanted)])
        if self._waiting and self._free:
            self._admit(self._waiting.popleft())
        scarce = bool(self._waiting) and not self._free  # then who has a row finishes with it
        moving = [
            r for r, u in self._rows.items() if scarce or (u.answer is not None and self._available(u) < u.wanted)
        ]
        if moving:
            for row, token in zip(moving, self._decoder.step(moving), strict=True):
                self._drawn(self._rows[row], token)

    def _admit(self, synthesis: Synthesis) -> None:
        row = self._free[-1]
        try:
            token = self._decoder.begin(row, synthesis.voice, synthesis.text)
        except (ValueError, torch.OutOfMemoryError) as error:
            self._fail([synthesis], error)
            return
        synthesis.row = self._free.pop()  # taken only now: whatever `begin` raises, no row is lost
        self._rows[row] = synthesis
        self._drawn(synthesis, token)

    def _drawn(self, synthesis: Synthesis, token: int) -> None:
        synthesis.tokens += 1
        if token == self._decoder.stop or synthesis.tokens == self._decoder.most_tokens:
            synthesis.ended = True
            self._give_back(synthesis)

    def _give_back(self, synthesis: Synthesis) -> None:
        """Free its row, if it has one; its latents stay with it."""
        if synthesis.row is None:
            return
        synthesis.latents = self._decoder.latents(synthesis.row, synthesis.tokens).clone()
        del self._rows[synthesis.row]
        self._free.append(synthesis.row)
        self._free.sort(reverse=True)  # the lowest first: a step takes as many rows as the highest in use
        synthesis.row = None

    def _latents(self, synthesis: Synthesis) -> torch.Tensor:
        if synthesis.row is not None:
            return self._decoder.latents(synthesis.row, synthesis.tokens)
        assert synthesis.latents is not None  # a row is given back with its latents kept
        return synthesis.latents

    def _available(self, synthesis: Synthesis) -> int:
        return self._vocoder.frames(synthesis.tokens, ended=synthesis.ended)

    def _sound(self, ready: list[Synthesis]) -> None:
        if not ready:
            return
        windows = [
            VocoderWindow(self._latents(u), u.speaker, u.sounded, min(u.wanted, self._available(u)), u.ended)
            for u in ready
        ]
        try:
            sounds = self._vocoder.sound(windows)
        except torch.OutOfMemoryError as error:
            self._fail(ready, error)
            return
        for synthesis, window, sound in zip(ready, windows, sounds, strict=True):
            synthesis.sounded = window.end
            self._answer(synthesis, (sound, synthesis.ended and window.end == self._available(synthesis)))

    def _answer(self, synthesis: Synthesis, result: tuple[Sound, bool]) -> None:
        self._asking.remove(synthesis)
        answer, synthesis.answer = synthesis.answer, None
        if answer is not None:
            answer.set_result(result)

    def _forget(self, synthesis: Synthesis) -> None:
        if synthesis in self._waiting:
            self._waiting.remove(synthesis)
        if synthesis in self._asking:
            self._asking.remove(synthesis)
        self._give_back(synthesis)

    def _fail(self, syntheses: list[Synthesis], error: Exception) -> None:
        failure = error if isinstance(error, SynthesisFailed) else SynthesisFailed(_explained(error))
        for synthesis in syntheses:
            answer, synthesis.answer = synthesis.answer, None
            if answer is not None:
                answer.set_exception(failure)
            self._forget(synthesis)


def _explained(error: Exception) -> str:
    match error:
        case torch.OutOfMemoryError():
            return "The GPU's memory is full; lower XTTS_VOICES, or free some of it."
        case ValueError():
            return f"XTTS cannot say this: {error}."
        case _:
            return f"XTTS failed ({type(error).__name__}: {error})."
