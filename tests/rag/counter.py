"""Documents asked without a service around them, as at a shop's counter."""

import asyncio
from pathlib import Path

from services.common.answering import ChatMessage, Delta, Passage, Retrieval
from services.rag_llm.answering.extractive.engine import Extractive
from services.rag_llm.answering.knowledge import Knowledge
from services.rag_llm.index.embedding.minilm import MiniLM
from services.rag_llm.index.store import Store
from services.rag_llm.reading.corpus import Corpus
from services.rag_llm.settings import Config


class Counter:
    """Asks the extractive engine."""

    def __init__(self, knowledge: Knowledge, config: Config) -> None:
        self.knowledge, self.engine = knowledge, Extractive(config.extractive)
        self.reason = ""

    async def answer(self, text: str, *earlier: str) -> tuple[str, str, list[Passage]]:
        """(route, text, cited passages)."""
        kind, said, cited, passages = "", "", dict[str, None](), dict[str, Passage]()
        history = [ChatMessage(role="user", content=question) for question in earlier]
        async for event in self.engine.answer(await self.knowledge.find(text, history)):
            match event:
                case Retrieval():
                    kind, passages = event.route, {passage.id: passage for passage in event.passages}
                    self.reason = event.reason
                case Delta():
                    said += event.text
                    cited |= dict.fromkeys(event.citations)
        return kind, said, [passages[i] for i in cited]


def known(corpus: Path, index: Path, minilm: MiniLM, config: Config) -> Knowledge:
    """The documents of a folder, read."""
    knowledge = Knowledge(Corpus(corpus, config.ingest), Store(index), minilm, config.retrieval)
    asyncio.run(knowledge.index.start())
    return knowledge
