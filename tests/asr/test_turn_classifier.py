"""What a transcript means for the turn."""

import pytest

from services.asr.echo.text import OwnWords
from services.asr.transcription.engine import Words
from services.asr.transcription.whisper import without_loops
from services.asr.turns.classifier import finished, is_backchannel, read, tidy


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Mm-hm.",
            "mhm",
            "Mmm-hmm",
            "Uh-huh.",
            "Hmm.",
            "Yeah.",
            "Yeah, yeah.",
            "Okay.",
            "OK",
            "Right.",
            "Right, okay.",
        ),
        *(
            "I see.",
            "Oh, I see.",
            "Got it.",
            "Sure.",
            "Ha ha ha.",
            "Haha",
            "Hahaha.",
            "Oh.",
            "Aha!",
            "Wow.",
            "All right.",
        ),
        "Sounds good.",
        "Absolutely, that's right.",
    ],
)
def test_backchannels(text: str) -> None:
    """Listening aloud, and laughing, asks for nothing."""
    assert is_backchannel(text)


@pytest.mark.parametrize(
    "text",
    [
        *("No.", "Stop.", "Wait.", "Okay, stop.", "Right, but how?", "Yeah but what about Sunday?", "What?", "Hello."),
        *(
            "Okay?",
            "Really?",
            "Is that right?",
            "Yes, please tell me more about it",
            "Sure thing, go to the next one",
            "",
        ),
    ],
)
def test_no_backchannels(text: str) -> None:
    """Anything that wants something of the avatar interrupts it."""
    assert not is_backchannel(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "What are the opening hours on Sunday?",
            "Do you need a GPU?",
            "what is it for",
            "Where are you from?",
            "Yes.",
        ),
        *(
            "Tell me about the avatar.",
            "How do I start it?",
            "What is that?",
            "Stop.",
            "I need the price of the small one.",
        ),
    ],
)
def test_finished(text: str) -> None:
    """After these the answer may come."""
    assert finished(text) >= 0.8


@pytest.mark.parametrize(
    "text",
    [
        *(
            "I would like to",
            "I would like to know.",
            "and the",
            "Tell me about the price of the",
            "The reason is because.",
        ),
        *(
            "How do I",
            "What about the...",
            "I went there and",
            "So, um,",
            "it is for, uh",
            "if I want",
            "can you tell me",
        ),
        *("What is the difference between", "I'm looking for a", "on Monday,"),
    ],
)
def test_unfinished(text: str) -> None:
    """After these the person will go on, whatever full stop Whisper put there."""
    assert finished(text) <= 0.4


@pytest.mark.parametrize(
    "words",
    [
        Words(""),
        Words(" . "),
        Words("[Music]"),
        Words("(door closes)"),
        Words("♪♪"),
        Words("Thank you for watching!", -0.9, 0.4),
        Words("you", -1.0, 0.5),
        Words("completely invented here", -1.9, 0.2),
        Words("Y'all have a good time.", -1.5, 0.61),
        Words("one two three four five six seven", -0.3, 0.0),  # in 300 ms
        Words("AAAAAAAAAA", -0.3, 0.1),
    ],
)
def test_noise(words: Words) -> None:
    """What Whisper makes of noise are no words of anybody."""
    reading = read(words, voiced_ms=300)
    assert reading.noise
    assert reading.text == ""


@pytest.mark.parametrize("words", [Words("Thank you.", -0.2, 0.02), Words("Stop!", -0.9, 0.3), Words("Mm", -1.0, 0.2)])
def test_words(words: Words) -> None:
    """What was said is kept, however short."""
    assert read(words, voiced_ms=300).text == words.text


def test_a_long_turn_is_judged_as_a_whole() -> None:
    """What was settled earlier counts: last words end a question, and "okay" after one is no backchannel."""
    assert read(Words("it for"), 2000, before="what is").finished >= 0.8
    assert not read(Words("okay"), 2000, before="Tell me about Sunday.").backchannel


def test_descriptions_are_not_said() -> None:
    assert tidy(" [coughs] So what (laughs) is it? ") == "So what is it?"


@pytest.mark.parametrize(
    ("text", "once"),
    [
        ("Do you need a GPU? Do you need a GPU? Do you need", "Do you need a GPU?"),
        ("yes yes yes yes yes", "yes"),
        ("the price of the price of the price of the", "the price of"),
        ("No, no.", "No, no."),
        ("Is it open on Monday or is it open on Sunday?", "Is it open on Monday or is it open on Sunday?"),
        ("", ""),
    ],
)
def test_loops_are_cut(text: str, once: str) -> None:
    """A model that says the same again to the end has said it once."""
    assert without_loops(text) == once


@pytest.mark.parametrize(
    ("text", "confidence"), [("And then.", -0.6), ("And then.", -1.0), ("in the m8n", -1.4), ("you out okay", -0.99)]
)
def test_a_murmur_asks_for_nothing(text: str, confidence: float) -> None:
    """What is short and unclear is most likely an "mm-hm"; said clearly, or at length, the same words are words."""
    assert read(Words(text, confidence, 0.2), 600).backchannel
    assert not read(Words(text, -0.3, 0.05), 600).backchannel
    assert not read(Words(text, confidence, 0.2), 1500).backchannel


@pytest.mark.parametrize("text", ["Stop.", "Wait a", "What?", "No.", "One moment.", "Go back.", "Shorter."])
def test_a_call_is_never_a_murmur(text: str) -> None:
    """However unclear: whoever may have said "stop" is obeyed."""
    assert not read(Words(text, -1.3, 0.2), 400).backchannel


def test_own_words() -> None:
    """A piece of what the avatar says, misheard here and there, is its own; a person's question is not."""
    own = OwnWords(now=lambda: 0.0)
    assert not own.are("two processor cores are enough", 1)
    own.say(1, "Two processor cores are enough,")
    own.say(1, "and no GPU is needed for any of it.")
    assert own.are("Two processor cores are enough", 1)
    assert own.are("processor cause are enough and no GPU", 1)
    assert own.are("no GPU is needed", 1)
    assert not own.are("enough", 1)
    assert not own.are("How much memory do I need?", 1)
    own.say(2, "Opening hours are nine to five.")
    assert not own.are("Two processor cores are enough", 1)


def test_own_words_are_anybodys_once_the_avatar_is_silent() -> None:
    """Its last words still come back for a moment; who repeats them afterwards asks something."""
    now = 0.0
    own = OwnWords(now=lambda: now)
    own.say(1, "No GPU is needed for any of it.")
    now = 5.0
    own.say(1, "")
    now = 7.0
    assert own.are("no GPU is needed", ago_s=3)
    assert own.are("no GPU is needed", ago_s=2.2)
    assert not own.are("no GPU is needed", ago_s=1.8)


def test_a_silence_is_no_words() -> None:
    """Ears that begin to listen as the avatar ends hear of its silence alone: nothing is its own by that."""
    own = OwnWords(now=lambda: 0.0)
    own.say(1, "")
    assert not own.are("Do you like green eggs", 1)
