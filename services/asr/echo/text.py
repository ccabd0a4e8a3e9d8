"""The guard against the avatar's own voice, by its words: what it is saying, held against what was transcribed."""

from collections.abc import Callable

from rapidfuzz import fuzz

from services.asr.text import plain_words

MIN_WORDS = 3
"""A shorter transcript is never an echo: one or two words may be anybody's."""

MIN_RATIO = 82.0
"""Per cent of the letters that have to agree; an echo is misheard here and there."""

REMEMBERED_CHARACTERS = 1500
"""What is said in a minute and a half."""


class TextEchoGuard:
    """One session's. `now` gives seconds of a steady clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._turn = 0
        self._said = ""
        self._silent_since: float | None = None

    def avatar_says(self, turn: int, text: str) -> None:
        """The avatar says this clause now; "" means that it fell silent. A new turn forgets the one before."""
        if turn != self._turn:
            self._turn, self._said = turn, ""
        self._silent_since = None if text else self._now()
        self._said = " ".join([self._said, *plain_words(text)]).strip()[-REMEMBERED_CHARACTERS:]

    def is_echo(self, text: str, ago_s: float) -> bool:
        """Whether the whole of a transcript is a piece of what the avatar says or has just said.

        `ago_s`: how many seconds ago the sound of the transcript began. The measure is `fuzz.partial_ratio`: the best
        agreement, by edits, of the transcript with any piece of the avatar's words that is as long.
        """
        heard = plain_words(text)
        if len(heard) < MIN_WORDS or not self._said:
            return False
        if self._silent_since is not None and self._now() - ago_s > self._silent_since:
            return False  # an echo of so many words would have begun while the avatar spoke: a person repeats them
        return fuzz.partial_ratio(" ".join(heard), self._said, score_cutoff=MIN_RATIO) > 0
