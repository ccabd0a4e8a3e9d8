"""Continuous batching: one thread owns the model, and utterances join and leave it at any token.

Nothing is made before it is asked for: an utterance whose listener does not ask stands still, and one that is let go
costs nothing after the token under way.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from services.tts.engine import SynthesisFailed
from services.tts.xtts.decoder import Decoder
from services.tts.xtts.vocoder import Vocoder, Window

Sound = NDArray[np.float32]


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
    answer: Future[tuple[Sound, bool]] | None = field(default=None)


class Batch:
    """`more` may be called from many threads, for one utterance from one at a time."""

    def __init__(self, decoder: Decoder, vocoder: Vocoder) -> None:
        self._decoder, self._vocoder = decoder, vocoder
        self._requests: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._free = list(reversed(range(decoder.rows)))
        self._waiting: deque[Synthesis] = deque()  # for a row, in the order of their first request
        self._rows: dict[int, Synthesis] = {}
        self._asking: list[Synthesis] = []
        self._open = True
        self._thread = threading.Thread(target=self._run, name="xtts", daemon=True)
        self._thread.start()

    def more(self, utterance: Synthesis, frames: int) -> tuple[Sound, bool]:
        """Its next `frames` frames of sound, fewer at its end; whether it is over. Raises SynthesisFailed."""
        answer: Future[tuple[Sound, bool]] = Future()

        def ask() -> None:
            utterance.wanted, utterance.answer = utterance.sounded + frames, answer
            self._asking.append(utterance)
            if utterance.row is None and not utterance.tokens:
                self._waiting.append(utterance)

        self._request(ask)
        return answer.result()

    def leave(self, utterance: Synthesis) -> None:
        """Nobody listens to it any more."""
        if self._open:
            self._requests.put(lambda: self._forget(utterance))

    def do(self, work: Callable[[], None]) -> None:
        """Something else with the model, between two tokens. Returns when it is done; raises what it raises."""
        done: Future[None] = Future()

        def run() -> None:
            try:
                work()
            except Exception as error:
                done.set_exception(error)
            else:
                done.set_result(None)

        self._request(run)
        done.result()

    def close(self) -> None:
        """End the thread; whoever still waits is told so."""
        self._open = False
        self._requests.put(None)
        self._thread.join(10)

    def _request(self, request: Callable[[], None]) -> None:
        if not self._open:
            raise SynthesisFailed("The voice is being shut down.")
        self._requests.put(request)

    def _run(self) -> None:
        while self._read():
            try:
                self._iterate()
            except Exception as error:
                self._fail([*self._rows.values(), *self._asking], error)
        while not self._requests.empty():  # of those who asked at the same moment
            if request := self._requests.get():
                request()
        self._fail([*self._asking], SynthesisFailed("The voice is being shut down."))

    def _read(self) -> bool:
        """Take in what is asked; wait for it where there is nothing else to do. False: the end."""
        while True:
            try:
                request = self._requests.get(block=not self._asking)
            except queue.Empty:
                return True
            if request is None:
                return False
            request()

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

    def _admit(self, utterance: Synthesis) -> None:
        row = self._free.pop()
        try:
            token = self._decoder.begin(row, utterance.voice, utterance.text)
        except (ValueError, torch.OutOfMemoryError) as error:
            self._free.append(row)
            self._fail([utterance], error)
            return
        utterance.row = row
        self._rows[row] = utterance
        self._drawn(utterance, token)

    def _drawn(self, utterance: Synthesis, token: int) -> None:
        utterance.tokens += 1
        if token == self._decoder.stop or utterance.tokens == self._decoder.most_tokens:
            utterance.ended = True
            self._give_back(utterance)

    def _give_back(self, utterance: Synthesis) -> None:
        """Its row, if it has one, is somebody else's now; the latents stay with the utterance."""
        if utterance.row is None:
            return
        utterance.latents = self._decoder.latents(utterance.row, utterance.tokens).clone()
        del self._rows[utterance.row]
        self._free.append(utterance.row)
        self._free.sort(reverse=True)  # the lowest first: a step takes as many rows as the highest in use
        utterance.row = None

    def _latents(self, utterance: Synthesis) -> torch.Tensor:
        if utterance.row is not None:
            return self._decoder.latents(utterance.row, utterance.tokens)
        assert utterance.latents is not None  # a row is given back with its latents kept
        return utterance.latents

    def _available(self, utterance: Synthesis) -> int:
        return self._vocoder.frames(utterance.tokens, ended=utterance.ended)

    def _sound(self, ready: list[Synthesis]) -> None:
        if not ready:
            return
        windows = [
            Window(self._latents(u), u.speaker, u.sounded, min(u.wanted, self._available(u)), u.ended) for u in ready
        ]
        try:
            sounds = self._vocoder.sound(windows)
        except torch.OutOfMemoryError as error:
            self._fail(ready, error)
            return
        for utterance, window, sound in zip(ready, windows, sounds, strict=True):
            utterance.sounded = window.end
            self._answer(utterance, (sound, utterance.ended and window.end == self._available(utterance)))

    def _answer(self, utterance: Synthesis, result: tuple[Sound, bool]) -> None:
        self._asking.remove(utterance)
        answer, utterance.answer = utterance.answer, None
        if answer is not None:
            answer.set_result(result)

    def _forget(self, utterance: Synthesis) -> None:
        if utterance in self._waiting:
            self._waiting.remove(utterance)
        if utterance in self._asking:
            self._asking.remove(utterance)
        self._give_back(utterance)

    def _fail(self, utterances: list[Synthesis], error: Exception) -> None:
        failure = error if isinstance(error, SynthesisFailed) else SynthesisFailed(_sentence(error))
        for utterance in utterances:
            self._forget(utterance)
            answer, utterance.answer = utterance.answer, None
            if answer is not None:
                answer.set_exception(failure)


def _sentence(error: Exception) -> str:
    match error:
        case torch.OutOfMemoryError():
            return "The GPU's memory is full; lower XTTS_VOICES, or free some of it."
        case ValueError():
            return f"XTTS cannot say this: {error}."
        case _:
            return f"XTTS failed ({type(error).__name__}: {error})."
