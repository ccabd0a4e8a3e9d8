"""What a transcript means for the turn: words or noise, "mm-hm" or more, finished or not. Pure, from the text alone."""

import re
from dataclasses import dataclass

from services.asr.transcription.engine import Words


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

_CALLS = _set(
    "stop wait no nope not hold hey pause quiet enough cancel sorry excuse hello hi listen help shut please never next "
    "what why how who when where which can could do does is are tell "
    "skip repeat again back louder quieter slower faster slow shorter longer moment minute second thanks but actually"
)
"""Words that a person who wants something of the avatar begins with."""

_HESITATIONS = _set("um uh er erm hm hmm mm ah eh")

_UNFINISHED_WORDS = _set(
    "and or but so because since while although though unless until if whether than as nor plus "
    "of to for from with without into onto about between among during through against towards at by in on per via like "
    "the a an my your his her its our their this these those every some any no each another such "
    "i we they he she is are was were am be been do does did has have had can could will would should shall may might "
    "must what which who whose where when why how that very really quite just also only even not"
)
"""Conjunctions, prepositions, articles, pronouns and auxiliaries that something must follow."""

_MAY_END = _set(
    "for from with about to on in at by like do does did is are was were can could will would should have has had am "
    "be this these those that so not no any some each what why how where when who which though her his every another "
    "through without"
)
"""Of these, those that end many a finished question: "what is it for", "where are you from", "what is that"."""

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
"""What Whisper, brought up on subtitles, hears in noise."""

CERTAIN = -0.7
"""Confidence from which on words are believed whatever they are."""

DOUBTFUL = -0.9
"""Below it a draft of little sound is not believed yet."""

SHORT_MS = 800
"""Of voice: a syllable or three."""

MURMURS = ((-0.85, _LONGEST_BACKCHANNEL, 1100), (-0.5, 2, SHORT_MS))
"""Below such a confidence so many words in so much voice, ms, are a murmur."""

INCREDIBLE = -1.6
NO_SPEECH = 0.6
FASTEST = 9.0
"""Words a second; nobody speaks faster, but Whisper's inventions do."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A transcript, judged. `finished`: how likely it is that nothing follows, 0 to 1. `doubtful`: too little was heard
    to believe these words, and more may come."""

    text: str = ""
    doubtful: bool = False
    noise: bool = False
    backchannel: bool = False
    finished: float = 0.0
    echo: bool = False


def read(words: Words, voiced_ms: float, before: str = "") -> Reading:
    """Judge what an engine heard in so much voice; `before` are the turn's words that were settled earlier."""
    text = tidy(words.text)
    if is_noise(text, words, voiced_ms):
        return Reading(noise=True, finished=finished(before))
    whole = f"{before} {text}".strip()
    return Reading(
        text,
        doubtful=not before and voiced_ms < SHORT_MS and words.confidence < DOUBTFUL and not _CALLS & set(plain(text)),
        backchannel=is_backchannel(whole) or (not before and is_murmur(text, words, voiced_ms)),
        finished=finished(whole),
    )


def tidy(text: str) -> str:
    """Without what is described instead of said, as in "[Music]" or "(coughs)"."""
    return re.sub(r"\s+", " ", re.sub(r"[\[(*♪][^\])*♪]*[\])*♪]?", " ", text)).strip(" -–—")


def plain(text: str) -> list[str]:
    """Its words in small letters without marks; "mm-hm" is one."""
    return re.sub(r"[^a-zà-ÿ0-9' ]+", " ", text.lower().replace("-", "").replace("’", "'")).split()


def is_noise(text: str, words: Words, voiced_ms: float) -> bool:
    """Whether these are no words of anybody."""
    said = plain(text)
    if not said or re.fullmatch(r"(\w)\1{3,}", "".join(said)):
        return not said or "".join(said)[0] not in "mh"  # a long "mmmm" is somebody's
    if len(said) > 1 + FASTEST * voiced_ms / 1000:
        return True
    if words.confidence < INCREDIBLE or (words.no_speech > NO_SPEECH and words.confidence < CERTAIN):
        return True
    return words.confidence < CERTAIN and bool(_CREDITS.match(" ".join(said)))


def is_backchannel(text: str) -> bool:
    """Whether this only says that one is listening: "mm-hm", "yeah, okay", "I see", a laugh."""
    if "?" in text and "huh" not in text.lower():
        return False
    rest = " ".join(plain(text))
    for phrase in _BACKCHANNEL_PHRASES:
        rest = re.sub(rf"\b{phrase}\b", "okay", rest)
    said = rest.split()
    return 0 < len(said) <= _LONGEST_BACKCHANNEL and all(_is_backchannel_word(word) for word in said)


def is_murmur(text: str, words: Words, voiced_ms: float) -> bool:
    """Whether this is short and unclear, as "mm-hm" is, which Whisper has no letters for; and no call for attention."""
    said = plain(text)
    if "?" in text or _CALLS & set(said):
        return False
    return any(
        words.confidence < unclear and len(said) <= longest and voiced_ms < shorter_ms
        for unclear, longest, shorter_ms in MURMURS
    )


def _is_backchannel_word(word: str) -> bool:
    return word in _BACKCHANNELS or bool(_HUMMED.fullmatch(word))


def finished(text: str) -> float:
    """How likely it is that the turn is over after these words, if a pause follows."""
    said = plain(text)
    if not said:
        return 0.0
    if said[-1] in _HESITATIONS and len(said) > 1:
        return 0.1
    if text.rstrip().endswith(("...", "…", ",", "-", ":")):
        return 0.3 if text.rstrip().endswith(",") else 0.2
    asks = said[0] in _QUESTION_STARTS and len(said) > 2
    if _LEADING_UP.search(" ".join(said)):
        return 0.2
    if said[-1] in _UNFINISHED_WORDS and not (asks and said[-1] in _MAY_END) and len(said) > 1:
        return 0.1
    if text.rstrip().endswith("?"):
        return 1.0
    if said[0] in ("if", "when", "because", "since", "although", "while") and len(said) < 8 and not asks:
        return 0.4
    if text.rstrip().endswith((".", "!")):
        return 1.0 if len(said) > 2 else 0.9
    return 0.93
