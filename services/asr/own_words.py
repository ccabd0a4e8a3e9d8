"""The guard against the avatar's own voice, by its words: what it is saying, held against what was heard."""

from rapidfuzz import fuzz

from services.asr.judging import plain

FEWEST = 3
"""Words that must be the avatar's for it to be an echo: one or two may be anybody's."""

ALIKE = 82.0
"""Per cent of the letters; an echo is misheard here and there."""

REMEMBERED = 1500
"""Characters of it: what is said in a minute and a half."""


class OwnWords:
    """One session's."""

    def __init__(self) -> None:
        self._turn = 0
        self._said = ""

    def say(self, turn: int, text: str) -> None:
        """The avatar says this now; a new turn forgets the one before. "" means that it fell silent."""
        if turn != self._turn:
            self._turn, self._said = turn, ""
        self._said = f"{self._said} {' '.join(plain(text))}"[-REMEMBERED:]

    def are(self, text: str) -> bool:
        """Whether this is, as a whole, a piece of what the avatar says."""
        said = plain(text)
        if len(said) < FEWEST or not self._said:
            return False
        return fuzz.partial_ratio(" ".join(said), self._said, score_cutoff=ALIKE) > 0
