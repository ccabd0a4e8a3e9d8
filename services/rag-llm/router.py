"""Which kind of thing was said: small talk, a question about the avatar itself, or a question for the documents.

Small talk is recognised only when nothing else is in the sentence, so a question is never mistaken for it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Route(StrEnum):
    """How a question was understood; travels in the `retrieval` event."""

    GREETING = "greeting"
    WELLBEING = "wellbeing"
    THANKS = "thanks"
    FAREWELL = "farewell"
    AFFIRMATION = "affirmation"
    ABOUT_SELF = "about_self"
    CORPUS = "corpus"
    UNKNOWN = "unknown"  # a question for the documents, which do not answer it
    EMPTY = "empty"  # there are no documents


@dataclass(frozen=True, slots=True)
class Routed:
    """`text` is what is left of the question once a greeting before it is taken away."""

    route: Route
    text: str


_HELLO = (
    r"(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day))"
    r"(?: (?:there|again|everyone|you|avatar|flashback))?"
)
_WELL = r"(?:ok(?:ay)?|great|oh|well|good|thanks|thank you)"
_PHRASES: dict[Route, tuple[str, ...]] = {
    Route.GREETING: (rf"{_HELLO}(?: {_HELLO})?", r"(?:nice|pleased|good) to (?:meet|see) you"),
    Route.WELLBEING: (
        rf"(?:{_HELLO} )?how are you(?: (?:doing|today|feeling))*",
        rf"(?:{_HELLO} )?(?:how(?:'s| is) it going|what(?:'s| is) up|how do you do)",
    ),
    Route.THANKS: (
        rf"(?:{_WELL} )?(?:many )?(?:thanks?|thank you|cheers)"
        r"(?: (?:you|a lot|(?:so|very) much|again|for (?:that|(?:the|your) help)|that(?:'s| is|'ll be) all))*",
    ),
    Route.FAREWELL: (
        rf"(?:{_WELL} )?(?:(?:good ?)?bye|bye bye|good night|see (?:you|ya)|farewell|take care)"
        r"(?: (?:then|later|soon|for now|tomorrow))*",
    ),
    Route.AFFIRMATION: (
        r"(?:yes|yeah|yep|ok(?:ay)?|sure|fine|all ?right|great|good|nice|cool|perfect|wow)(?: (?:good|then|great))?",
        r"i see|got it|understood|no|nope|never ?mind",
    ),
    Route.ABOUT_SELF: (
        r"(?:so |and )?(?:who|what) are you(?: really| exactly)?|introduce yourself",
        r"what(?:'s| is) your name|do you have a name|(?:can you )?tell me (?:something )?about yourself",
        r"are you (?:an? )?(?:real|human|robot|bot|person|ai|alive)(?: person| human)?",
        r"what (?:can|do) you (?:do|know|talk about)(?: for me| about)?",
        r"what (?:can|should|could) i ask(?: you)?(?: about)?|(?:can you )?help(?: me)?|how can you help(?: me)?",
    ),
}
_COMPILED = {kind: re.compile("|".join(phrases)) for kind, phrases in _PHRASES.items()}
_HELLO_FIRST = re.compile(rf"\s*{_HELLO}\b[\s,.!:;–—-]*", re.IGNORECASE)


def route(text: str) -> Routed:
    """Where a question goes. Everything that is not surely small talk goes to the documents."""
    said = " ".join(re.findall(r"[\w']+", text.lower().replace("’", "'")))
    said = re.sub(r"^please | please$", "", said)
    for kind, pattern in _COMPILED.items():
        if pattern.fullmatch(said):
            return Routed(kind, text.strip())
    rest = _HELLO_FIRST.sub("", text, count=1).strip()
    if rest != text.strip() and len(rest.split()) >= 2:
        return route(rest)
    return Routed(Route.CORPUS, text.strip())
