"""The engine that needs no model: the documents' own sentences, chosen to answer, with small talk by rule."""

from collections.abc import AsyncGenerator, Sequence

from services.common.answering import AnswerEvent, Delta, Done, Retrieval
from services.rag_llm.composing import Cited, compose
from services.rag_llm.engine import passage_of
from services.rag_llm.knowledge import Found
from services.rag_llm.router import Route
from services.rag_llm.sentences import split_clauses, split_sentences
from services.rag_llm.settings import ExtractiveConfig

MAX_TITLES = 3


class Extractive:
    """Answers in milliseconds; every sentence of an answer is a citation."""

    name = "extractive"

    def __init__(self, config: ExtractiveConfig) -> None:
        self._config = config

    async def answer(self, found: Found) -> AsyncGenerator[AnswerEvent]:
        """The events of one answer, clause by clause."""
        cited = compose(found.hits, found.form, self._config)
        route = Route.UNKNOWN if found.route is Route.CORPUS and not cited else found.route
        quoted: dict[str, list[str]] = {}
        for sentence in cited:
            if sentence.excerpt:
                quoted.setdefault(sentence.excerpt.id, []).append(sentence.text)
        passages = [passage_of(hit, quoted.get(hit.excerpt.id, ())) for hit in found.hits] if cited else []
        yield Retrieval(passages=passages, ms=found.ms, route=route.value)

        spoken = cited or [Cited(sentence, None) for sentence in split_sentences(small_talk(route, found.titles))]
        written = ""
        for sentence in spoken:
            for clause in split_clauses(sentence.text):
                text = f" {clause}" if written else clause
                written += text
                yield Delta(text=text, citations=[sentence.excerpt.id] if sentence.excerpt else [])
        yield Done(usage={"passages": len(passages), "sentences": len(spoken), "words": len(written.split())})

    async def close(self) -> None:
        """Nothing is held."""


def small_talk(route: Route, titles: Sequence[str]) -> str:
    """What is said where no document is asked for, or none answers."""
    about = subjects(titles)
    match route:
        case Route.GREETING:
            return (
                f"Hello! Ask me anything about {about}." if about else "Hello! I have no documents to answer from yet."
            )
        case Route.WELLBEING:
            return "I'm well, thank you. What would you like to know?"
        case Route.THANKS:
            return "You're welcome."
        case Route.FAREWELL:
            return "Goodbye, and thanks for talking with me."
        case Route.AFFIRMATION:
            return "All right. Ask me whenever you like."
        case Route.ABOUT_SELF:
            what = "I'm an avatar: a face and a voice that answers from the documents I was given."
            return f"{what} You can ask me about {about}." if about else f"{what} There are none yet."
        case Route.EMPTY:
            return (
                "There are no documents yet, so I can't answer that. Put some in the corpus folder and I'll read them."
            )
        case Route.UNKNOWN | Route.CORPUS:
            return f"I can't find that in my documents. You can ask me about {about}."


def subjects(titles: Sequence[str]) -> str:
    """A few titles as a phrase: `the voice, privacy or hardware`."""
    named = list(dict.fromkeys(title[:1].lower() + title[1:] if title[1:].islower() else title for title in titles))
    shown = named[:MAX_TITLES]
    return f"{', '.join(shown[:-1])} or {shown[-1]}" if len(shown) > 1 else "".join(shown)
