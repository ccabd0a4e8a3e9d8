"""The production engine: a streamed chat completion of any OpenAI-compatible server, grounded on numbered passages.

Closing an answer closes the connection, and that stops the model. A server that is away, overloaded, refuses or is slow
before its first word is stood in for by the extractive engine; the answer's second `retrieval` event says why.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from services.common.answering import AnswerEvent, Delta, Done, Failed, Retrieval, Unsupported
from services.common.logs import logger
from services.common.metrics import LLM_FALLBACKS_TOTAL
from services.rag_llm.answering.chat.citations import CitationMarkers
from services.rag_llm.answering.chat.client import ChatClient, CompletionPart, ServerAway
from services.rag_llm.answering.chat.grounding import CitedSentence, CitedSentences, doubt
from services.rag_llm.answering.chat.prompt import Prompt, likely_tokens, most_tokens, prompts
from services.rag_llm.answering.engine import AnswerEngine, passage_of
from services.rag_llm.answering.knowledge import Found
from services.rag_llm.answering.router import Route
from services.rag_llm.retrieval.retriever import Hit
from services.rag_llm.settings import RagSettings, VllmConfig

SMALL_TALK = frozenset(
    {Route.GREETING, Route.WELLBEING, Route.THANKS, Route.FAREWELL, Route.AFFIRMATION, Route.ABOUT_SELF}
)
"""What a model may answer without a passage; for anything else it would make something up."""


class ChatEngine:
    """Asks a chat model; `fallback` answers while its server cannot."""

    name = "vllm"

    def __init__(self, settings: RagSettings, config: VllmConfig, fallback: AnswerEngine) -> None:
        self._config, self._fallback = config, fallback
        self._server = ChatClient(settings, config)
        self._well = True  # the last answer came from the server

    async def answer(self, found: Found) -> AsyncGenerator[AnswerEvent]:
        """The events of one answer. After the first word a failure ends it with `Failed`."""
        if not found.hits and found.route not in SMALL_TALK:
            async with aclosing(self._fallback.answer(found)) as events:
                async for event in events:
                    yield event
            return
        passages = [passage_of(hit) for hit in found.hits]
        yield Retrieval(passages=passages, ms=found.ms, route=found.route.value, reason=found.reason)
        spoke = False
        try:
            async with aclosing(self._grounded(found)) as events:
                async for event in events:
                    spoke = True
                    yield event
            self._well = True
        except ServerAway as away:
            self._well = False
            self._server.forget()
            logger().warning("the model's server failed", reason=str(away), said_something=spoke)
            if spoke:
                yield Failed(title="The answer broke off", detail=str(away))
                return
            LLM_FALLBACKS_TOTAL.inc()
            async with aclosing(self._fallback.answer(found)) as events:
                async for event in events:
                    yield event.model_copy(update={"fallback": str(away)}) if isinstance(event, Retrieval) else event

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._server.close()
        await self._fallback.close()

    async def _grounded(self, found: Found) -> AsyncGenerator[AnswerEvent]:
        """The model's words with their citations, and what no passage bears out. Raises `ServerAway`."""
        markers, written = CitationMarkers(), _Written(found.hits, self._config.support_share)
        usage: dict[str, int] = {}
        finish = ""
        async with aclosing(self._completion(found)) as parts:
            async for part in parts:
                usage |= part.usage
                finish = part.finish or finish
                for words, numbers in markers.feed(part.words):
                    for event in written.add(words, numbers):
                        yield event
        for words, numbers in markers.end():
            for event in written.add(words, numbers):
                yield event
        if written.nothing:
            raise ServerAway("The model answered nothing.")
        for event in written.end():
            yield event
        yield Done(usage=usage, finish="length" if finish == "length" else "stop")

    async def _completion(self, found: Found) -> AsyncGenerator[CompletionPart]:
        """The parts of the stream. One limit holds for all before the first word: connection, queue, prompt, tries.

        Tried again by hand: stamina repeats calls, and this is a stream that may begin anew only before its first word.
        """
        deadline = asyncio.get_running_loop().time() + self._config.first_token_timeout_s
        # A server that failed the answer before is not waited for twice.
        tries = self._config.tries if self._well else 1
        while True:
            spoke = False
            try:
                async with asyncio.timeout_at(deadline):
                    served = await self._server.served()
                    prompt = await self._fitting(found, served.model, served.context or self._config.context_tokens)
                async with aclosing(self._server.complete(served.model, prompt)) as parts:
                    while True:
                        async with asyncio.timeout_at(None if spoke else deadline):
                            part = await anext(parts, None)
                        if part is None:
                            return
                        spoke = spoke or bool(part.words)
                        yield part
            except TimeoutError:
                raise ServerAway(f"The model said nothing for {self._config.first_token_timeout_s:g} s.") from None
            except ServerAway as away:
                tries -= 1
                if spoke or not tries or away.after_s is None or away.after_s > self._config.retry_wait_s:
                    raise
            self._server.forget()
            await asyncio.sleep(self._config.retry_wait_s)

    async def _fitting(self, found: Found, model: str, context: int) -> Prompt:
        """The fullest prompt that leaves room for the answer. The server counts only where it might not fit."""
        room = context - self._config.max_tokens
        share = 0.0  # how near the last one that was counted came to the bound
        passages = [hit.excerpt for hit in found.hits]
        for prompt in prompts(found.asked.text, passages, found.history, self._config.history_tokens):
            most = most_tokens(prompt)
            if most <= room:
                return prompt
            if most * share > room:
                continue
            tokens = await self._server.tokens(model, prompt)
            tokens = likely_tokens(prompt) if tokens is None else tokens
            if tokens <= room:
                return prompt
            share = tokens / most
        raise ServerAway(f"The question with one passage is longer than the model's context ({context} tokens).")


class _Written:
    """The answer so far: numbers become passages' ids, finished sentences are held against the passages they cite."""

    def __init__(self, hits: Sequence[Hit], share: float) -> None:
        self._ids = [hit.excerpt.id for hit in hits]
        self._texts = [f"{hit.excerpt.path} {hit.excerpt.text}" for hit in hits]
        self._share = share
        self._sentences = CitedSentences()
        self.nothing = True

    def add(self, words: str, numbers: Sequence[int]) -> list[AnswerEvent]:
        """The words as a delta, then doubts about sentences that they end. Numbers that no passage has are dropped."""
        cited = list(dict.fromkeys(n for n in numbers if 1 <= n <= len(self._ids)))
        if not words and not cited:
            return []
        self.nothing = False
        delta = Delta(text=words, citations=[self._ids[n - 1] for n in cited])
        return [delta, *self._doubts(self._sentences.feed(words, cited))]

    def end(self) -> list[AnswerEvent]:
        """Doubts about the last sentence."""
        return self._doubts(self._sentences.end())

    def _doubts(self, sentences: Sequence[CitedSentence]) -> list[AnswerEvent]:
        if not self._ids:  # small talk
            return []
        doubts = [(s.text, doubt(s.text, [self._texts[n - 1] for n in s.cited], self._share)) for s in sentences]
        return [Unsupported(text=text, reason=reason) for text, reason in doubts if reason]
