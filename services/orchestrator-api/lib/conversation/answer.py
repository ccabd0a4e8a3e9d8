"""The written side of a turn: reads the answer as it comes, tells it on, cuts it into clauses."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from services.common.answering import Delta, Done, Failed, Passage, Question, Retrieval, Unsupported
from services.common.messages import AnswerDelta, Citation, Event, UnsupportedSentence
from services.orchestrator_api.lib.contracts import Doubt, Source
from services.orchestrator_api.lib.speaking.clauses import Clause, ClauseCutter
from services.orchestrator_api.lib.speaking.waterfall import Waterfall
from services.orchestrator_api.lib.upstream.http import ServiceError
from services.orchestrator_api.lib.upstream.rag import Rag


class Answer:
    """One question's answer. `tell` takes the events of the turn, in order."""

    def __init__(self, question: Question, waterfall: Waterfall, tell: Callable[[Event], None]) -> None:
        self.question = question
        self.text = ""
        self.complete = False
        self.unsupported: list[Doubt] = []
        self.waterfall = waterfall
        self._passages: dict[str, Passage] = {}
        self._cited: dict[str, Passage] = {}
        self._told: set[str] = set()
        self._tell = tell

    async def clauses(self, rag: Rag) -> AsyncGenerator[Clause]:
        """What can be spoken, as soon as it can be. Raises `ServiceError` where the answer breaks off."""
        cutter = ClauseCutter()
        async with aclosing(rag.answer(self.question)) as events:
            async for event in events:
                match event:
                    case Retrieval():
                        self.waterfall.mark("rag_retrieval_latency")
                        self._passages |= {passage.id: passage for passage in event.passages}
                    case Delta():
                        self._cited |= {id: self._passages[id] for id in event.citations if id in self._passages}
                        if event.text:
                            self._write(event.text)
                        for clause in cutter.feed(event.text, tuple(event.citations)):
                            self.waterfall.mark("llm_ttfs")
                            yield clause
                    case Unsupported():
                        self._doubt(Doubt(text=event.text, reason=event.reason))
                    case Failed():
                        raise ServiceError("rag-llm", event.detail)
                    case Done():
                        break
            else:
                raise ServiceError("rag-llm", "The answer broke off before its end; ask again.")
        for clause in cutter.flush():
            self.waterfall.mark("llm_ttfs")
            yield clause
        self.complete = True

    def _write(self, text: str) -> None:
        self.waterfall.mark("llm_ttft")
        self.text += text
        self._tell(AnswerDelta(session=self.question.session, turn=self.question.turn, text=text))

    def _doubt(self, doubt: Doubt) -> None:
        self.unsupported.append(doubt)
        of = self.question
        self._tell(UnsupportedSentence(session=of.session, turn=of.turn, text=doubt.text, reason=doubt.reason))

    def cite(self, clause: Clause, t: int) -> None:
        """Tell the sources of the clause that starts `t` ms into the turn, each once a turn."""
        for id in clause.citations:
            if id in self._passages and id not in self._told:
                self._told.add(id)
                source = self._passages[id]
                self._tell(
                    Citation(
                        session=self.question.session,
                        turn=self.question.turn,
                        source=source.source,
                        title=source.title,
                        quote=source.quote,
                        t=t,
                    )
                )

    def sources(self) -> list[Source]:
        """What the text written so far rests on, each once, in order."""
        return [Source(source=p.source, title=p.title, quote=p.quote) for p in self._cited.values()]
