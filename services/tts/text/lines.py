"""Text to lines: sentences of written words, each with what is said for it, and the voice that can say it."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from services.common.errors import Problem
from services.common.sentences import sentences
from services.tts.engine import Line, Mark, Voice, Written, family_of
from services.tts.text.cleaning import BREAK, clean
from services.tts.text.english import spoken_form
from services.tts.text.lexicon import ABBREVIATIONS, BEFORE_A_NUMBER, MONTH_SHORT
from services.tts.text.scripts import LATIN, languages, scripts_in

_PAUSE_MS: dict[Mark, int] = {"": 40, ",": 140, ":": 220, ";": 220, ".": 320, "?": 320, "!": 320}
_BREAK_MS = 450
_FIRST_LINE, _LONGEST_LINE = 160, 240  # characters as said; a long sentence is cut at a comma before it
_LONGEST_WORD, _LONGEST_UNSPACED = 160, 20  # characters as written; longer ones are shown in pieces
_MOST_SAID = 30_000  # characters as said; about half an hour
_UNSPACED = frozenset(["CJK", "HIRAGANA", "KATAKANA", "THAI", "MYANMAR"])

_OPENING = "\"'“”„‘’«‹([{¿¡"
_CLOSING = "\"'”“’»›)]}.,;:!?…。，、；：！？।؟،؛—–-"
_MARKS: tuple[tuple[Mark, str], ...] = (
    ("?", "?？؟"),
    ("!", "!！"),
    (".", ".…。।"),
    (";", ";；؛"),
    (":", ":："),
    (",", ",，、،)—–"),
)
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3})((?: \d{3})+)(?![\d,]|\.\d)")
_WIDE_STOPS = re.compile(r"(?<=[。，、；：！？।])(?=\S)")
_WORD_ENDS = re.compile(r"(?: |[。！？।]\S?)$")
_INITIALS = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]")
_JOINERS = frozenset(["and", "but", "or", "because", "which", "that", "when", "while", "so", "if"])

VoiceFor = Callable[[str], Voice | None]
"""The voice for a BCP 47 tag; None where no voice speaks the language."""


@dataclass(frozen=True, slots=True)
class Token:
    """One written word: all of it, its core without brackets and marks, the mark as far as it can be heard, whether the
    sentence ends with it, and its voice (None: no voice speaks its script)."""

    text: str
    core: str
    mark: Mark
    ends: bool
    voice: Voice | None


def lines_of(text: str, voice: Voice, voice_for: VoiceFor) -> list[Line]:
    """The lines of a text for `voice`; an empty list where nothing in it is said (marks, emoji).

    Words in another script get the voice that `voice_for` has for a language of that script. Raises `Problem` 422 where
    no word can be said by any voice, or where saying it would take an hour.
    """
    lines: list[Line] = []
    unsaid: Counter[str] = Counter()
    for thought in clean(text).split(BREAK):
        tokens = _with_voices(_tokens(thought, family_of(voice.language)), voice, voice_for)
        unsaid.update(script for token in tokens if token.voice is None for script in scripts_in(token.core))
        made = [line for sentence in _by_sentence(tokens) for line in _lines(sentence, first=not lines)]
        if lines and made:
            lines[-1] = replace(lines[-1], pause_ms=max(lines[-1].pause_ms, _BREAK_MS))
        lines += made
    if not lines and unsaid:
        script = unsaid.most_common(1)[0][0].title()
        raise Problem(422, f"text: no voice here speaks the script {script}; write it in another one.", field="text")
    if sum(len(word.spoken) for line in lines for word in line.words) > _MOST_SAID:
        raise Problem(
            422, "text: the numbers and signs in it would take an hour to say; send less at once.", field="text"
        )
    return lines


def _tokens(thought: str, language: str) -> list[Token]:
    """The words of one thought. A number with spaces for thousands is one word."""
    joined = _THOUSANDS.sub(lambda m: m[0].replace(" ", "\u00a0"), thought)
    tokens: list[Token] = []
    for sentence in _whole_words(sentences(joined, language)):
        words = [piece for word in sentence.split(" ") for piece in _WIDE_STOPS.sub(" ", word).split(" ") if piece]
        words = [piece for word in words for piece in _pieces(word)]
        tokens += [_token(word, words[i + 1] if i + 1 < len(words) else None) for i, word in enumerate(words)]
    return tokens


def _whole_words(found: Sequence[str]) -> Iterator[str]:
    """The sentences, joined where one would end within a word (node.js), except in scripts without spaces."""
    waiting = ""
    for sentence in found:
        waiting += sentence
        if _WORD_ENDS.search(waiting):
            yield waiting
            waiting = ""
    yield waiting


def _pieces(word: str) -> list[str]:
    """A word that is too long to be shown, cut."""
    limit = _LONGEST_UNSPACED if _UNSPACED.intersection(scripts_in(word)) else _LONGEST_WORD
    return [word[i : i + limit] for i in range(0, len(word), limit)]


def _token(word: str, following: str | None) -> Token:
    """`following`: the next word of the sentence; None: the sentence ends here."""
    core = word.strip("\u00a0").lstrip(_OPENING)
    bare = core.rstrip(_CLOSING)
    closing = core[len(bare) :]
    dotted = bare.lower() + "."
    next_letter = (following or "").lstrip(_OPENING)[:1]
    if closing.startswith("."):
        if next_letter.isdigit():
            known = dotted in ABBREVIATIONS or bare.lower() in MONTH_SHORT
        else:
            known = dotted in ABBREVIATIONS and dotted not in BEFORE_A_NUMBER
        if known or _INITIALS.fullmatch(bare):
            bare, closing = bare + ".", closing[1:]
        elif following is not None and len(bare) == 1 and bare.isupper():  # J. Brown
            closing = closing[1:]
    mark: Mark = next((mark for mark, signs in _MARKS if any(sign in closing for sign in signs)), "")
    if following is None:
        return Token(word, bare, mark or ".", True, None)
    if mark in (".", "?", "!") and (bare.isdigit() or next_letter.islower()):
        mark = "," if len(bare) > 1 or bare.isdigit() else ""  # "1. Open it", 'What?" he said', "well… maybe"
    if not mark and (following[0] in "([—–" or following == "-"):
        mark = ","
    return Token(word, bare, mark, False, None)


def _with_voices(tokens: Sequence[Token], voice: Voice, voice_for: VoiceFor) -> list[Token]:
    """Give each word a voice that can say it; what has no letters goes with the word before."""
    given: list[Token] = []
    now: Voice | None = voice
    for token in tokens:
        scripts = scripts_in(token.core)
        if scripts:
            now = _voice_for(Counter(scripts).most_common(1)[0][0], voice, voice_for)
        given.append(replace(token, voice=now or (None if scripts else voice)))
    return given


def _voice_for(script: str, voice: Voice, voice_for: VoiceFor) -> Voice | None:
    if script == LATIN or voice.language.split("-")[0] in languages(script):
        return voice
    return next((found for tag in languages(script)[:1] if (found := voice_for(tag))), None)


def _by_sentence(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    sentence: list[Token] = []
    for token in tokens:
        sentence.append(token)
        if token.ends:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _lines(sentence: Sequence[Token], *, first: bool) -> Iterator[Line]:
    """One line for each voice in the sentence; long ones in pieces."""
    for voice, run in groupby(sentence, key=lambda token: token.voice):
        words = _written(list(run), voice)
        while words and voice is not None:
            limit = voice.languages.get(family_of(voice.language), _LONGEST_LINE)
            size = _breath(words, min(limit, _FIRST_LINE if first else _LONGEST_LINE))
            yield Line(tuple(words[:size]), voice, _PAUSE_MS[words[size - 1].mark])
            words, first = words[size:], False


def _written(tokens: Sequence[Token], voice: Voice | None) -> list[Written]:
    """The words with what is said for them. What is silent (a dash, a lone bracket) is shown with its neighbour."""
    cores = [token.core for token in tokens]
    shouted = sum(len(core) > 1 for core in cores) > 2 and all(core.upper() == core for core in cores)
    words: list[Written] = []
    waiting = ""
    for i, token in enumerate(tokens):
        spoken = ""
        if voice is not None:
            spoken = spoken_form(cores, i) if voice.language.startswith("en") else _plain(token.core)
        text = token.text.replace("\u00a0", " ")
        if spoken:
            words.append(Written(waiting + text, spoken.lower() if shouted else spoken, token.mark))
            waiting = ""
        elif words:
            before = words[-1]
            words[-1] = Written(_joined(before.text, text), before.spoken, token.mark or before.mark)
        else:
            waiting = _joined(waiting.strip(), text) + " "
    return words


def _joined(before: str, silent: str) -> str:
    """Silent signs beside a word are shown with it, unless there are too many of them."""
    return f"{before} {silent}".strip() if len(before) + len(silent) < 40 else before or silent[:10]


def _plain(core: str) -> str:
    """For other languages espeak reads numbers itself; only letters, digits and what joins them are left."""
    kept = re.sub(r"[^\w\s'’.,:%°$€£¥+/-]|_", " ", core)
    return kept.strip() if any(ch.isalnum() for ch in kept) else ""


def _breath(words: Sequence[Written], limit: int) -> int:
    """How many words are said before the next breath: all, or up to a comma, a joining word, or as many as fit."""
    fits = 0
    said = 0
    for word in words:
        said += len(word.spoken) + 1
        if said > limit and fits:
            break
        fits += 1
    if fits == len(words):
        return fits
    half = range(fits, fits // 2, -1)
    at_mark = next((i for i in range(fits, 2, -1) if words[i - 1].mark), None)
    before_joiner = next((i for i in half if words[i].text.lower() in _JOINERS), None)
    return at_mark or before_joiner or fits
