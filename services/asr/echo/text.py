"""The guard against the avatar's own voice, by its words: what it is saying, held against what was heard."""

from collections.abc import Callable

from rapidfuzz import fuzz

from services.asr.turns.classifier import plain

FEWEST = 3
"""Words that must be the avatar's for it to be an echo: one or two may be anybody's."""

ALIKE = 82.0
"""Per cent of the letters; an echo is misheard here and there."""

REMEMBERED = 1500
"""Characters of it: what is said in a minute and a half."""


class OwnWords:
    """One session's. `now` gives steady seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._turn = 0
        self._said = ""
        self._silent_since: float | None = None

    def say(self, turn: int, text: str) -> None:
        """The avatar says this now; a new turn forgets the one before. "" means that it fell silent."""
        if turn != self._turn:
            self._turn, self._said = turn, ""
        self._silent_since = None if text else self._now()
        self._said = " ".join([self._said, *plain(text)]).strip()[-REMEMBERED:]

    def are(self, text: str, ago_s: float) -> bool:
        """Whether this, which began so long ago, is as a whole a piece of what the avatar says or has just said."""
        said = plain(text)
        if len(said) < FEWEST or not self._said:
            return False
        if self._silent_since is not None and self._now() - ago_s > self._silent_since:
            return False  # so many words of an echo would have begun while it spoke: a person repeats them
        return fuzz.partial_ratio(" ".join(said), self._said, score_cutoff=ALIKE) > 0
