"""What is said where no document answers: small talk, what there is to ask about, and that nothing was found."""

import re
from collections.abc import Sequence

from services.rag_llm.answering.knowledge import Found
from services.rag_llm.answering.router import Route
from services.rag_llm.index.terms import STOPWORDS, terms

MAX_NAMED = 3
"""Titles, or headings, that are named in one sentence."""
SOON_SAID = 6
"""Words that a title may have to be said whole in a greeting."""
_AFTER_HEAD = re.compile(r"(?<=\w)(?:[:;]|\s+[-–—|(])\s*")
ABOUT_SHARE = 0.2
"""Of the question's words, by weight, that a title holds if the question is about its document."""


def without_document(found: Found) -> str:
    """What is said if no document is asked for, or if no document answers."""
    about = subjects(found.titles)
    match found.route:
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
        case Route.OUT_OF_SCOPE:
            what = "That is nothing I can do: I answer from my documents."
            return f"{what} You can ask me about {about}." if about else what
        case Route.EMPTY:
            return (
                "There are no documents yet, so I can't answer that. Put some in the corpus folder and I'll read them."
            )
        case Route.UNKNOWN | Route.CORPUS:
            return f"I can't find that in my documents. {_nearest(found) or f'You can ask me about {about}.'}"


def _nearest(found: Found) -> str:
    """Names what there is on the subject, if a document is named after it; else blank."""
    weights = found.query.weights if found.query else {}
    if found.hits and found.hits[0].best.misnamed:
        return f"The nearest I have is {found.hits[0].excerpt.title}."
    for hit in found.hits:
        title = hit.excerpt.title
        if sum(weights.get(term, 0.0) for term in set(terms(title))) < ABOUT_SHARE * sum(weights.values()):
            continue
        same = [other.excerpt.headings for other in found.hits if other.excerpt.source == hit.excerpt.source]
        headings = list(dict.fromkeys(_phrase(path[-1]) for path in same if path))[:MAX_NAMED]
        if headings:
            return f"I have something on {_listed(headings, 'and')}, in {title}."
    return ""


def _phrase(title: str) -> str:
    """A title within a sentence."""
    return title[:1].lower() + title[1:] if title[1:].islower() else title


def _listed(named: Sequence[str], joint: str) -> str:
    return f"{', '.join(named[:-1])} {joint} {named[-1]}" if len(named) > 1 else "".join(named)


def subjects(titles: Sequence[str]) -> str:
    """A few titles as a phrase, short ones first: `the voice, privacy or hardware`."""
    named = sorted(titles, key=lambda title: len(title.split()) > SOON_SAID)
    return _listed(list(dict.fromkeys(_phrase(_soon_said(title)) for title in named))[:MAX_NAMED], "or")


def _soon_said(title: str) -> str:
    """A long title up to its colon, dash or bracket, or else to the end of one of its first phrases."""
    if len(title.split()) <= SOON_SAID:
        return title
    words = _AFTER_HEAD.split(title, maxsplit=1)[0].split()
    if len(words) > SOON_SAID:
        little = [word.lower() in STOPWORDS for word in words]  # "of the" begins a phrase
        ends = (n for n in range(SOON_SAID, 0, -1) if little[n] and not little[n - 1])
        words = words[: next(ends, SOON_SAID)]
    return " ".join(words).rstrip(",")
