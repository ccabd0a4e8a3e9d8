"""Who is transcribed next: one piece of sound at a time, ends of turns before drafts, nothing that is void by then."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from services.asr.transcription.engine import EngineError, Sound, Transcriber, Words
from services.common.logs import logger


@dataclass(eq=False)
class _Job:
    sound: Sound
    final: bool
    take: Callable[[Words], None]


class Desk:
    """All sessions' transcriptions. A session has one job here at most: its next one takes the place of the last."""

    def __init__(self, engine: Transcriber) -> None:
        self._engine = engine
        self._jobs: dict[object, _Job] = {}
        self._news = asyncio.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="transcribe")

    def order(self, whose: object, sound: Sound, *, final: bool, take: Callable[[Words], None]) -> None:
        """Transcribe, then call `take`; unless another order of the same session or `forget` comes first. Where the
        engine fails there are no words."""
        self._jobs[whose] = _Job(sound, final, take)
        self._news.set()

    def forget(self, whose: object) -> None:
        self._jobs.pop(whose, None)

    async def work(self) -> None:
        """Without end."""
        loop = asyncio.get_running_loop()
        while True:
            whose = next((w for w, job in self._jobs.items() if job.final), next(iter(self._jobs), None))
            if whose is None:
                self._news.clear()
                await self._news.wait()
                continue
            job = self._jobs[whose]
            words = await loop.run_in_executor(self._pool, self._transcribe, job)
            if self._jobs.get(whose) is job:
                del self._jobs[whose]
                job.take(words)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._engine.close()

    def _transcribe(self, job: _Job) -> Words:
        try:
            return self._engine.transcribe(job.sound, final=job.final)
        except EngineError as error:
            logger().error("a stretch of speech was not transcribed", reason=str(error))
            return Words("")
