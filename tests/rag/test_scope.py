"""What a question names, an answer is about: the document, the day, the thing; and a table is compared as a whole."""

from collections.abc import Iterator

import pytest

from services.rag_llm.index.embedding.minilm import MiniLM
from services.rag_llm.retrieval.features.days import days_in
from services.rag_llm.settings import Config
from tests.rag.counter import Counter, known

BIKES = "\n".join(
    f"Model {n},{900 - n} euros,{10 + n / 10:.1f} kg,a bicycle for every day of the year" for n in range(80)
)
TOWN = {
    "museum.md": "# Toy museum\n\nThe museum shows 900 dolls. It is closed on Mondays.\n",
    "hotel.md": "# Hotel Astra\n\nAll rooms can be reached by wheelchair. Breakfast is served until ten.\n",
    "festival.md": "# Town festival\n\n## Saturday\n\nThe band Foxtail plays in the barn.\n\n"
    "## Sunday\n\nChildren carve pumpkins in the castle park.\n",
    "centre.md": "# Community centre\n\n| Room | Projector | Seats |\n|---|---|---|\n"
    "| Hall | yes | 120 |\n| Studio | no | 30 |\n| Attic | yes | 12 |\n",
    "bikes.csv": f"Bicycle,Price,Weight,Use\n{BIKES}\n",
}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, minilm: MiniLM, config: Config) -> Iterator[Counter]:
    folder = tmp_path_factory.mktemp("town")
    (folder / "corpus").mkdir()
    for source, text in TOWN.items():
        (folder / "corpus" / source).write_text(text)
    knowledge = known(folder / "corpus", folder / "index", minilm, config)
    yield Counter(knowledge, config)
    knowledge.close()


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("Is there wheelchair access at the museum?", "nothing about wheelchair"),
        ("Which band plays on Sunday?", ""),
        ("Is there a sauna in the hotel?", "nothing about sauna"),
        ("Which bicycle has the best brakes?", "nothing about"),
    ],
)
async def test_what_is_said_of_another_is_no_answer(town: Counter, question: str, why: str) -> None:
    """Another document's, another day's and another thing's sentence is no answer, however near its words are."""
    route, _, cited = await town.answer(question)
    assert (route, cited) == ("unknown", [])
    assert why in town.reason


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Can I reach my hotel room by wheelchair?", "All rooms can be reached by wheelchair."),
        ("Which band plays on Saturday?", "The band Foxtail plays in the barn."),
        ("When is the museum closed?", "The museum is closed on Mondays."),
        ("Which rooms have a projector?", "The Hall has projector. The Attic has projector."),
        ("Does the studio have a projector?", "The studio has no projector."),
        ("How many seats does the attic have?", "The attic has 12 seats."),
        ("What is the cheapest bicycle?", "The Model 79 is the cheapest, at 821 euros."),
        ("which bicycle is the lightest", "The Model 0 is the lightest: the weight is 10.0 kg."),
    ],
)
async def test_what_is_said_of_it_is(town: Counter, question: str, said: str) -> None:
    """The same words, asked of what they are said of; a table is compared to its end, over all its passages."""
    assert (await town.answer(question))[1] == said


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("From Monday to Friday we are open", {0, 1, 2, 3, 4}),
        ("Saturday–Monday", {5, 6, 0}),
        ("on Sundays and Wednesdays", {2, 6}),
        ("every day", {0, 1, 2, 3, 4, 5, 6}),
        ("at weekends", {5, 6}),
        ("on working days", {0, 1, 2, 3, 4}),
        ("a sunny day in March", set()),
    ],
)
def test_days(text: str, days: set[int]) -> None:
    """Days are read out of their names, of ranges and of words for several."""
    assert days_in(text) == days
