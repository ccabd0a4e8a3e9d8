"""The written side of a turn: reads the answer as it comes and cuts it into clauses."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from services.common.answering import Delta, Done, Failed, Passage, Question, Retrieval, Unsupported
from services.common.messages import AnswerDelta, Citation, UnsupportedSentence
from services.orchestrator_api.lib.contracts import Doubt, Source
from services.orchestrator_api.lib.speaking.clauses import Clause, ClauseCutter
from services.orchestrator_api.lib.speaking.waterfall import Waterfall
from services.orchestrator_api.lib.upstream.http import ServiceError
from services.orchestrator_api.lib.upstream.rag import Rag


class Answer:
    """One question's answer."""

    def __init__(self, question: Question, waterfall: Waterfall) -> None:
        self.question = question
        self.text = ""
        self.complete = False
        self.unsupported: list[Doubt] = []
        self.waterfall = waterfall
        self._passages: dict[str, Passage] = {}
        self._cited: dict[str, Passage] = {}
        self._told: set[str] = set()

    async def read(self, rag: Rag) -> AsyncGenerator[AnswerDelta | UnsupportedSentence | Clause]:
        """Events to tell, and clauses that can be spoken, each as soon as it can be. Closing the iterator stops the
        model. Raises `ServiceError` where the answer breaks off."""
        session, turn = self.question.session, self.question.turn
        cutter = ClauseCutter()
        async with aclosing(rag.answer(self.question)) as events:
            async for event in events:
                match event:
                    case Retrieval():
                        self.waterfall.mark("rag_retrieval_latency")
                        self._passages |= {passage.id: passage for passage in event.passages}
                    case Delta(text=text, citations=citations):
                        self._cited |= {id: self._passages[id] for id in citations if id in self._passages}
                        if text:
                            self.waterfall.mark("llm_ttft")
                            self.text += text
                            yield AnswerDelta(session=session, turn=turn, text=text)
                        for clause in cutter.feed(text, tuple(citations)):
                            self.waterfall.mark("llm_ttfs")
                            yield clause
                    case Unsupported(text=text, reason=reason):
                        self.unsupported.append(Doubt(text=text, reason=reason))
                        yield UnsupportedSentence(session=session, turn=turn, text=text, reason=reason)
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

    def citations(self, clause: Clause, t: int) -> list[Citation]:
        """The sources of the clause that starts `t` ms into the turn, without those that were returned before."""
        new = [id for id in clause.citations if id in self._passages and id not in self._told]
        self._told.update(new)
        return [
            Citation(
                session=self.question.session,
                turn=self.question.turn,
                source=source.source,
                title=source.title,
                quote=source.quote,
                t=t,
            )
            for source in (self._passages[id] for id in new)
        ]

    def sources(self) -> list[Source]:
        """What the text written so far rests on, each once, in order."""
        return [Source(source=p.source, title=p.title, quote=p.quote) for p in self._cited.values()]
