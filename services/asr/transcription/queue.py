"""The transcription queue: one stretch of sound at a time, ends of turns before drafts, nothing that is void."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from services.asr.audio.sound import Sound
from services.asr.transcription.engine import EngineError, Transcription, TranscriptionEngine
from services.common.logs import logger


@dataclass(eq=False)
class _Job:
    sound: Sound
    final: bool
    then: Callable[[Transcription], None]


class TranscriptionQueue:
    """All sessions' transcriptions. Each owner has one job here at most: a new one replaces the one before.

    The engine works in a thread of its own. Call everything else from the event loop's thread.
    """

    def __init__(self, engine: TranscriptionEngine) -> None:
        self._engine = engine
        self._jobs: dict[object, _Job] = {}
        self._submitted = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="transcribe")

    def submit(self, owner: object, sound: Sound, *, final: bool, then: Callable[[Transcription], None]) -> None:
        """Have at most thirty seconds of sound transcribed, and call `then` with the result.

        `then` is not called if the owner submits another job first, or discards this one. It must not raise. Where the
        engine fails with an EngineError it gets an empty text.
        """
        self._jobs[owner] = _Job(sound, final, then)
        self._submitted.set()

    def discard(self, owner: object) -> None:
        """Forget the owner's job, if there is one."""
        self._jobs.pop(owner, None)

    async def run(self) -> None:
        """Work without end. Raises what the engine raises that is no EngineError: a fault, not a failure."""
        loop = asyncio.get_running_loop()
        while True:
            owner = next((o for o, job in self._jobs.items() if job.final), next(iter(self._jobs), None))
            if owner is None:
                self._submitted.clear()
                await self._submitted.wait()
                continue
            job = self._jobs[owner]
            transcription = await loop.run_in_executor(self._thread, self._transcribe, job)
            if self._jobs.get(owner) is job:
                del self._jobs[owner]
                job.then(transcription)

    def close(self) -> None:
        """Wait for the transcription that is under way, and unload the engine."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._engine.close()

    def _transcribe(self, job: _Job) -> Transcription:
        try:
            return self._engine.transcribe(job.sound, final=job.final)
        except EngineError as error:
            logger().error("a stretch of speech was not transcribed", reason=str(error))
            return Transcription("")
