"""XTTS v2: a neural voice that speaks 17 languages in anybody's voice, after a few seconds of it."""

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import torch

from services.common.logs import logger
from services.tts.engine import Line, Part, SynthesisFailed, Voice, Written, family_of
from services.tts.sound import Sound
from services.tts.visemes.tracking import VisemeTracker
from services.tts.xtts.batch import Batch, Synthesis
from services.tts.xtts.conditioning import Conditioning, condition, save, saved
from services.tts.xtts.decoder import Decoder
from services.tts.xtts.line_sound import LineSound
from services.tts.xtts.vocoder import Vocoder
from services.tts.xtts.weights import Loaded
from services.tts.xtts.weights import load as load_weights

PREFIX = "xtts-"
_FEWEST_FRAMES = 5
_DIGIT = re.compile(r"[0-9]")
_HINDI_DIGITS = ["शून्य", "एक", "दो", "तीन", "चार", "पाँच", "छह", "सात", "आठ", "नौ"]
_CHARACTERS = {  # what the model says at once without losing its way, as the library's tokenizer has it
    "en": 250, "de": 253, "fr": 273, "es": 239, "it": 213, "pt": 203, "pl": 224, "zh": 82, "ar": 166, "cs": 186,
    "ru": 182, "nl": 251, "tr": 226, "ja": 71, "hu": 224, "ko": 95, "hi": 150,
}  # fmt: skip


Track = Callable[[Line, int], VisemeTracker]
"""A tracker for a line whose sound comes at so many Hz."""


class XttsEngine:
    """Speaks in the model's own voices and in cloned ones; finds out when its sounds came by listening to them."""

    name = "xtts"

    def __init__(self, loaded: Loaded, decoder: Decoder, vocoder: Vocoder, track: Track) -> None:
        """`decoder` and `vocoder` are made of the loaded model; the engine is the only one to use them from now on."""
        self._loaded, self._track = loaded, track
        self._decoder, self._vocoder = decoder, vocoder
        self._batch = Batch(decoder, vocoder)
        self.ended: Future[None] | None = self._batch.ended
        self._known: dict[str, Conditioning] = {}
        self._lock = threading.Lock()
        self.at_once: int | None = decoder.rows
        families = [tag.split("-")[0] for tag in loaded.languages]
        self._languages = {family: _CHARACTERS.get(family, 150) for family in families}
        for name, tensors in loaded.model.speaker_manager.speakers.items():
            style, speaker = (
                tensors[key].float().to(loaded.model.device) for key in ("gpt_cond_latent", "speaker_embedding")
            )
            self._known[PREFIX + slug(name)] = Conditioning(style, speaker)
        self.voices = tuple(self.voice(name) for name in self._known)

    def voice(self, name: str, language: str = "en") -> Voice:
        """As `CloningEngine` has it. English where the model does not speak `language`."""
        family = family_of(language) if family_of(language) in self._languages else "en"
        return Voice(name, self.name, family, "unknown", self._vocoder.rate, self._languages)

    def learn(self, name: str, sound: Sound, folder: Path) -> None:
        """As `CloningEngine` has it."""
        found = saved(folder, self._loaded.fingerprint, self._loaded.model.device)
        if found is None:
            made: list[Conditioning] = []
            try:
                self._batch.do(lambda: made.append(condition(self._loaded, sound)))
            except (RuntimeError, torch.OutOfMemoryError) as error:
                raise SynthesisFailed(f"XTTS could not learn the voice ({error}).") from error
            (found,) = made
            save(found, folder, self._loaded.fingerprint)
        self._known[name] = found

    def forget(self, name: str) -> None:
        self._known.pop(name, None)

    def speak(self, line: Line) -> Iterator[Part]:
        conditioning = self._known.get(line.voice.name)
        if conditioning is None:
            raise SynthesisFailed(f"The voice {line.voice.name!r} was removed.")
        speech = LineSound(self._vocoder.rate, self._track(line, self._vocoder.rate))
        *before, last = self._in_tokens(line.words, line.voice.language)
        for tokens in (*before, last):
            synthesis = Synthesis(conditioning.style, conditioning.speaker, tokens)
            over = False
            try:
                while not over:
                    frames = -(-speech.missing() // self._vocoder.hop)
                    sound, over = self._batch.more(synthesis, max(frames, _FEWEST_FRAMES))
                    yield from speech.push(sound, line.pause_ms if over and tokens is last else None)
            finally:
                self._batch.leave(synthesis)

    def close(self) -> None:
        self._batch.close()

    def _in_tokens(self, words: Sequence[Written], language: str) -> list[list[int]]:
        """The words as tokens; in pieces where they are too many: numbers are longer in words than as written."""
        tokens = self._tokens(" ".join(word.text for word in words), language)
        if len(tokens) <= self._decoder.most_text or len(words) == 1:
            return [tokens[: self._decoder.most_text]]
        half = len(words) // 2
        return self._in_tokens(words[:half], language) + self._in_tokens(words[half:], language)

    def _tokens(self, text: str, language: str) -> list[int]:
        """What is written, as the library's tokenizer reads it: numbers, signs and abbreviations in words."""
        encode = self._loaded.model.tokenizer.encode
        with self._lock:  # its readers of Japanese and Chinese load at their first use
            try:
                tokens: list[int] = encode(text.strip().lower(), lang=language)
            except Exception as error:  # numbers that the library has no words for; in Hindi that is all of them
                logger().debug("read digit by digit", language=language, reason=repr(error))
                digits = _HINDI_DIGITS if language == "hi" else "0123456789"
                spelled = _DIGIT.sub(lambda digit: f" {digits[int(digit[0])]} ", text.strip().lower())
                tokens = encode(spelled, lang=language)
        return tokens


def load(folder: Path, rows: int, track: Track) -> XttsEngine:
    """The engine with the weights in `folder`, for `rows` utterances at once: on a GPU in half precision where there is
    one. Raises SynthesisFailed with a sentence where it cannot be loaded."""
    gpu = torch.cuda.is_available()
    try:
        loaded = load_weights(folder, torch.device("cuda" if gpu else "cpu"))
        dtype = torch.float16 if gpu else torch.float32
        decoder = Decoder(loaded.model.gpt, rows, loaded.sampling, dtype=dtype, graphs=gpu)
        decoder.warm()
        if gpu:
            loaded.model.gpt.gpt.cpu()  # the decoder has its own copy, at half the size
        return XttsEngine(loaded, decoder, Vocoder(loaded.model.hifigan_decoder), track)
    except torch.OutOfMemoryError as error:
        raise SynthesisFailed(
            "XTTS does not fit into the GPU's memory; lower XTTS_VOICES, or free some of it."
        ) from error


def slug(name: str) -> str:
    """A speaker's name as a voice's: "Claribel Dervla" is claribel-dervla."""
    bare = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", bare.lower()))
