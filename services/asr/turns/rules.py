"""The numbers of turn detection (endpointing)."""

from dataclasses import dataclass

from services.asr.audio.vad import POSSIBLE


@dataclass(frozen=True, slots=True)
class Rules:
    """Names in `_ms` are milliseconds of the microphone's sound; `voice`, `rising`, `holding` and `sure` are
    probabilities of voice."""

    # how long a silence ends a turn
    pause_ms: int = 660  # of silence after a complete turn
    unfinished_pause_ms: int = 1600  # of silence after words that promise more
    eager_ms: int = 192  # of silence before the eager end of a turn, or before noise is dismissed
    doubt_ms: int = 192  # by which sound that may become a voice puts the end of a turn off, at most
    # what is a voice
    voice: float = 0.4  # a frame from here on is voice; one begins a turn, two in a row continue it after a pause
    rising: float = POSSIBLE  # from here on a loud frame begins a turn as well: it may be the hiss of a first consonant
    holding: float = 0.35  # enough for a voice that has begun
    sure: float = 0.9  # in a noisy room a frame below this that is not loud is no voice any more,
    trail_ms: int = 128  # but what the detector remembers of one, which lasts no longer than this
    rise_ms: int = 96  # before the first voice, for which the voice may have been there already, faintly
    breath_ms: int = 96  # of silence are a pause: what was said before it is transcribed
    # what is transcribed, and when
    lead_ms: int = 320  # of sound before the first voice
    first_draft_ms: int = 256  # of voice before the first draft
    draft_ms: int = 480  # between two drafts
    settled_ms: int = 8000  # of sound after which a pause settles the words before it
    longest_ms: int = 26_000  # of sound in one transcription; Whisper's window is thirty seconds
    # what is no turn
    wordless_ms: int = 2500  # of voice without a word are noise
    ignored_ms: int = 320  # of silence end the sound that is ignored
