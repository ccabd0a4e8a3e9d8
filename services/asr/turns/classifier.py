"""The turn classifier: what a transcript means for the turn. Words or noise, "mm-hm" or more, complete or not.

Pure, from the text and the engine's confidence alone, by rules that were made for English.
"""

import re
from dataclasses import dataclass

from services.asr.text import plain_words, without_descriptions
from services.asr.transcription.engine import Transcription


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BACKCHANNELS = _set(
    "huh yeah yea yep yup yes ya okay ok kay right sure alright good great nice cool indeed wow really "
    "interesting gotcha see hehe heh true absolutely definitely exactly totally perfect fine agreed understood"
)
"""Words that, alone or together, ask for nothing; besides them all that is hummed or laughed."""

_HUMMED = re.compile(r"(m+h*m*h*m*|h+m+|u+h+(m+|h*u+h+)?|a+h+(a+h*)?|o+h+|e+h+|((ha|he|ho)+h?))")

_BACKCHANNEL_PHRASES = (
    *("i see", "got it", "of course", "go on", "all right", "i know", "fair enough", "makes sense", "sounds good"),
    *("good point", "that's right", "that's true"),
)
_LONGEST_BACKCHANNEL = 4
"""Words."""

_CALLS = _set(
    "stop wait no nope not hold hey pause quiet enough cancel sorry excuse hello hi listen help shut please never next "
    "what why how who when where which can could do does is are tell "
    "skip repeat again back louder quieter slower faster slow shorter longer moment minute second thanks but actually"
)
"""Words that begin what a person wants of the avatar."""

_HESITATIONS = _set("um uh er erm hm hmm mm ah eh")

_UNFINISHED_WORDS = _set(
    "and or but so because since while although though unless until if whether than as nor plus "
    "of to for from with without into onto about between among during through against towards at by in on per via like "
    "the a an my your his her its our their this these those every some any no each another such "
    "i we they he she is are was were am be been do does did has have had can could will would should shall may might "
    "must what which who whose where when why how that very really quite just also only even not"
)
"""Conjunctions, prepositions, articles, pronouns and auxiliaries: another word must follow them."""

_MAY_END = _set(
    "for from with about to on in at by like do does did is are was were can could will would should have has had am "
    "be this these those that so not no any some each what why how where when who which though her his every another "
    "through without"
)
"""Words of `_UNFINISHED_WORDS` that still end many a complete question: "what is it for", "where are you from"."""

_QUESTION_STARTS = _set(
    "what which who whose whom where when why how is are was were am do does did has have had can could will would "
    "should shall may might"
)

_LEADING_UP = re.compile(
    r"\b(i (would|'d) like to( know)?|i'd like to( know)?|i want to( know)?|i need to( know)?|(could|can) you tell me"
    r"|do you know|tell me|i wonder|i was wondering|let me|i think|i mean|you know|the (thing|reason|question) is"
    r"|explain|let's say|for example|i have a question)$"
)
"""Phrases that promise more."""

_CREDITS = re.compile(
    r"^(thank you( (very|so) much)?( for watching)?|thanks( for watching)?|you|bye|please subscribe.*|subtitles by.*|"
    r"the end|music|applause|silence|blank audio|i'm sorry|so)$"
)
"""What Whisper, trained on subtitles, writes for noise."""

CERTAIN = -0.7
"""Confidence (mean log probability) from which on words are believed, whatever they are."""

DOUBTFUL = -0.9
"""Confidence below which a draft of little sound is not believed yet."""

INCREDIBLE = -1.6
"""Confidence below which words are noise."""

NO_SPEECH = 0.6
"""Probability that nobody speaks, above which words that are not certain are noise."""

FASTEST = 9.0
"""Words a second: nobody speaks faster, but what Whisper invents does."""

SHORT_MS = 800
"""Of voice: a syllable or three."""

MURMURS = ((-0.85, _LONGEST_BACKCHANNEL, 1100), (-0.5, 2, SHORT_MS))
"""(confidence, words, ms of voice): less confidence in at most so many words in less voice is a murmur."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What the text of a transcript means for its turn.

    `noise`: these are no words of anybody. `doubtful`: too little was heard to believe these words, and more may come.
    `backchannel`: they ask for nothing. `end_of_turn`: how likely it is that nothing follows, 0 to 1. `echo`: they are
    the avatar's own.
    """

    text: str = ""
    doubtful: bool = False
    noise: bool = False
    backchannel: bool = False
    end_of_turn: float = 0.0
    echo: bool = False


def classify(transcription: Transcription, voiced_ms: float, before: str = "") -> Classification:
    """Classify what an engine made of a stretch of sound with so much voice in it.

    `before`: the words of the same turn that were settled earlier. The text of the result is without them; everything
    else is about the turn as a whole. It never says `echo`: that takes more than the text.
    """
    text = without_descriptions(transcription.text)
    if is_noise(text, transcription, voiced_ms):
        return Classification(noise=True, end_of_turn=end_of_turn_probability(before))
    whole = f"{before} {text}".strip()
    little = not before and voiced_ms < SHORT_MS and not _CALLS & set(plain_words(text))
    return Classification(
        text,
        doubtful=little and transcription.confidence < DOUBTFUL,
        backchannel=is_backchannel(whole) or (not before and is_murmur(text, transcription, voiced_ms)),
        end_of_turn=end_of_turn_probability(whole),
    )


def is_noise(text: str, transcription: Transcription, voiced_ms: float) -> bool:
    """Whether these are no words of anybody: nothing, one letter again and again, or what Whisper writes for noise."""
    words = plain_words(text)
    if not words or re.fullmatch(r"(\w)\1{3,}", "".join(words)):
        return not words or "".join(words)[0] not in "mh"  # a long "mmmm" is somebody's
    if len(words) > 1 + FASTEST * voiced_ms / 1000:
        return True
    confidence = transcription.confidence
    if confidence < INCREDIBLE or (transcription.no_speech > NO_SPEECH and confidence < CERTAIN):
        return True
    return confidence < CERTAIN and bool(_CREDITS.match(" ".join(words)))


def is_backchannel(text: str) -> bool:
    """Whether this only says that one is listening: "mm-hm", "yeah, okay", "I see", a laugh."""
    if "?" in text and "huh" not in text.lower():
        return False
    rest = " ".join(plain_words(text))
    for phrase in _BACKCHANNEL_PHRASES:
        rest = re.sub(rf"\b{phrase}\b", "okay", rest)
    words = rest.split()
    return 0 < len(words) <= _LONGEST_BACKCHANNEL and all(_is_backchannel_word(word) for word in words)


def is_murmur(text: str, transcription: Transcription, voiced_ms: float) -> bool:
    """Whether this is short and unclear, as "mm-hm" is, which Whisper has no letters for; and no call for attention."""
    words = plain_words(text)
    if "?" in text or _CALLS & set(words):
        return False
    return any(
        transcription.confidence < unclear and len(words) <= longest and voiced_ms < shorter_ms
        for unclear, longest, shorter_ms in MURMURS
    )


def _is_backchannel_word(word: str) -> bool:
    return word in _BACKCHANNELS or bool(_HUMMED.fullmatch(word))


def end_of_turn_probability(text: str) -> float:
    """How likely it is, 0 to 1, that the turn is over after these words if a pause follows."""
    words = plain_words(text)
    if not words:
        return 0.0
    if words[-1] in _HESITATIONS and len(words) > 1:
        return 0.1
    if text.rstrip().endswith(("...", "…", ",", "-", ":")):
        return 0.3 if text.rstrip().endswith(",") else 0.2
    asks = words[0] in _QUESTION_STARTS and len(words) > 2
    if _LEADING_UP.search(" ".join(words)):
        return 0.2
    if words[-1] in _UNFINISHED_WORDS and not (asks and words[-1] in _MAY_END) and len(words) > 1:
        return 0.1
    if text.rstrip().endswith("?"):
        return 1.0
    if words[0] in ("if", "when", "because", "since", "although", "while") and len(words) < 8 and not asks:
        return 0.4
    if text.rstrip().endswith((".", "!")):
        return 1.0 if len(words) > 2 else 0.9
    return 0.93
