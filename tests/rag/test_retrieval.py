"""The right source for a question, a spoken answer from it, and honesty where there is none."""

import pytest

from services.common.answering import ChatMessage, Delta, Passage, Retrieval
from services.rag_llm.conversation import resolve
from services.rag_llm.embedder_minilm import MiniLM
from services.rag_llm.extractive import Extractive
from services.rag_llm.index import Index
from services.rag_llm.knowledge import Found
from services.rag_llm.retrieval import search, understand
from services.rag_llm.router import Route, route
from services.rag_llm.settings import Config


class Counter:
    """The shop's index, asked directly."""

    def __init__(self, index: Index, minilm: MiniLM, config: Config) -> None:
        self.index, self.minilm, self.config = index, minilm, config

    def find(self, text: str, *earlier: str) -> Found:
        history = [ChatMessage(role="user", content=question) for question in earlier]
        asked = resolve(text, history)
        query = understand(asked, self.index, self.minilm)
        hits = search(self.index, query, self.config.retrieval, self.config.retrieval.passages)
        return Found(asked, Route.CORPUS, hits, query.form, ["Kettles"], history, 1.0)

    async def answer(self, text: str, *earlier: str) -> tuple[str, str, list[Passage]]:
        """(route, text, cited passages)."""
        kind, said, cited, passages = "", "", dict[str, None](), dict[str, Passage]()
        async for event in Extractive(self.config.extractive).answer(self.find(text, *earlier)):
            match event:
                case Retrieval():
                    kind, passages = event.route, {passage.id: passage for passage in event.passages}
                case Delta():
                    said += event.text
                    cited |= dict.fromkeys(event.citations)
        return kind, said, [passages[i] for i in cited]


@pytest.fixture
def counter(shop_index: Index, minilm: MiniLM, config: Config) -> Counter:
    return Counter(shop_index, minilm, config)


@pytest.mark.parametrize(
    ("question", "source", "fact"),
    [
        ("How much does the Rocket weigh?", "rocket.md", "1.2 kilograms"),
        ("how much does the comet weigh", "comet.md", "0.9 kilograms"),
        ("What is the price of the Comet?", "prices.html", "79 euros"),
        ("What does the Rocket cost?", "prices.html", "49 euros"),
        ("How long is the guarantee of the Rocket?", "prices.html", "3 years"),
        ("Which colours does the Comet come in?", "comet.md", "red, white and black"),
        ("How do I get rid of the chalk in the Rocket?", "rocket.md", "vinegar"),
        ("Is the shop open on Sunday?", "shop.md", "closed"),
        ("who started the shop", "shop.md", "Maria Keller"),
        ("Within how many days could I send goods back in 2023?", "returns/2023.txt", "14 days"),
        ("Within how many days can I send goods back in 2024?", "returns/2024.txt", "30 days"),
        ("Who pays the postage when I return something?", "returns/2024.txt", "customer pays"),
        ("how much does the rokcet weigh", "rocket.md", "1.2 kilograms"),
    ],
)
async def test_answerable(counter: Counter, question: str, source: str, fact: str) -> None:
    """Lookups, tables, paraphrases, near-duplicates and typos are answered from the right document, with its words."""
    kind, said, cited = await counter.answer(question)
    assert kind == "corpus"
    assert fact in said
    assert cited[0].source == source
    assert any(fact in passage.quote for passage in cited)


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "Who won the football match yesterday?",
        "How do I bake bread?",
        "When does the next train leave?",
        "Which database stores the passwords?",
        "How long did goods have a return period in 1999?",
    ],
)
async def test_unanswerable(counter: Counter, question: str) -> None:
    """What the documents do not tell is said to be not there, and nothing is cited."""
    kind, said, cited = await counter.answer(question)
    assert (kind, cited) == ("unknown", [])
    assert said.startswith("I can't find that in my documents.")


@pytest.mark.parametrize(
    ("earlier", "question", "fact"),
    [
        ("How much does the Comet weigh?", "and what does it cost?", "79 euros"),
        ("What does the Comet cost?", "and the Rocket?", "49 euros"),
        ("How much does the Rocket weigh?", "How much water does it hold?", "1.7 litres"),
    ],
)
async def test_follow_ups(counter: Counter, earlier: str, question: str, fact: str) -> None:
    """A question that leans on the one before is answered about the same thing."""
    _, said, _ = await counter.answer(question, earlier)
    assert fact in said


def test_a_question_that_stands_alone_forgets_the_one_before() -> None:
    """A whole question is not mixed with what was asked before it."""
    history = [ChatMessage(role="user", content="How much does the Rocket weigh?")]
    assert resolve("When is the shop open?", history).context == ""
    assert resolve("who is Maria", history).context == ""
    assert resolve("and on Sundays?", history).context == "How much does the Rocket weigh?"


async def test_answers_can_be_spoken(counter: Counter) -> None:
    """An answer is one to three whole sentences, and its pieces add up without doubled spaces."""
    for question in ("Tell me about the Rocket", "How do I remove limescale?", "When is the shop open?"):
        _, said, _ = await counter.answer(question)
        assert 1 <= sum(said.count(end) for end in ".!?") - said.count("1.") <= 3
        assert said[0].isupper()
        assert said[-1] in ".!?"
        assert "  " not in said
        assert "|" not in said


async def test_it_is_never_left_hanging(counter: Counter) -> None:
    """A sentence that begins with "it" follows the one that says what it is."""
    _, said, _ = await counter.answer("How many litres of water does the Rocket hold?")
    assert said == "The Rocket weighs 1.2 kilograms. It holds 1.7 litres of water."


def test_scripts_are_not_indexed(counter: Counter) -> None:
    """Nothing from a script can be found."""
    assert not any("secret" in excerpt.text for excerpt in counter.index.excerpts)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("hi", Route.GREETING),
        ("Hello there!", Route.GREETING),
        ("good morning", Route.GREETING),
        ("How are you today?", Route.WELLBEING),
        ("Thanks a lot!", Route.THANKS),
        ("ok thank you very much", Route.THANKS),
        ("Bye!", Route.FAREWELL),
        ("okay", Route.AFFIRMATION),
        ("Who are you?", Route.ABOUT_SELF),
        ("what can I ask you?", Route.ABOUT_SELF),
        ("What can the kettle do?", Route.CORPUS),
        ("thank you for what does the kettle cost", Route.CORPUS),
        ("Good kettles?", Route.CORPUS),
        ("", Route.CORPUS),
    ],
)
def test_small_talk(text: str, kind: Route) -> None:
    """Small talk is known as such only when nothing else is said."""
    assert route(text).route is kind


def test_a_greeting_before_a_question_is_not_in_the_way() -> None:
    """The question behind a greeting is what counts."""
    routed = route("Hi there, what does the Comet cost?")
    assert (routed.route, routed.text) == (Route.CORPUS, "what does the Comet cost?")
