"""What a transcript means for the turn."""

import pytest

from services.asr.text import without_descriptions
from services.asr.transcription.engine import Transcription
from services.asr.turns.classifier import classify, end_of_turn_probability, is_backchannel


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
    assert end_of_turn_probability(text) >= 0.8


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
    assert end_of_turn_probability(text) <= 0.4


@pytest.mark.parametrize(
    "words",
    [
        Transcription(""),
        Transcription(" . "),
        Transcription("[Music]"),
        Transcription("(door closes)"),
        Transcription("♪♪"),
        Transcription("Thank you for watching!", -0.9, 0.4),
        Transcription("you", -1.0, 0.5),
        Transcription("completely invented here", -1.9, 0.2),
        Transcription("Y'all have a good time.", -1.5, 0.61),
        Transcription("one two three four five six seven", -0.3, 0.0),  # in 300 ms
        Transcription("AAAAAAAAAA", -0.3, 0.1),
    ],
)
def test_noise(words: Transcription) -> None:
    """What Whisper makes of noise are no words of anybody."""
    reading = classify(words, voiced_ms=300)
    assert reading.noise
    assert reading.text == ""


@pytest.mark.parametrize(
    "words",
    [Transcription("Thank you.", -0.2, 0.02), Transcription("Stop!", -0.9, 0.3), Transcription("Mm", -1.0, 0.2)],
)
def test_words(words: Transcription) -> None:
    """What was said is kept, however short."""
    assert classify(words, voiced_ms=300).text == words.text


def test_a_long_turn_is_judged_as_a_whole() -> None:
    """What was settled earlier counts: last words end a question, and "okay" after one is no backchannel."""
    assert classify(Transcription("it for"), 2000, before="what is").end_of_turn >= 0.8
    assert not classify(Transcription("okay"), 2000, before="Tell me about Sunday.").backchannel


def test_descriptions_are_not_said() -> None:
    assert without_descriptions(" [coughs] So what (laughs) is it? ") == "So what is it?"


@pytest.mark.parametrize(
    ("text", "confidence"), [("And then.", -0.6), ("And then.", -1.0), ("in the m8n", -1.4), ("you out okay", -0.99)]
)
def test_a_murmur_asks_for_nothing(text: str, confidence: float) -> None:
    """What is short and unclear is most likely an "mm-hm"; said clearly, or at length, the same words are words."""
    assert classify(Transcription(text, confidence, 0.2), 600).backchannel
    assert not classify(Transcription(text, -0.3, 0.05), 600).backchannel
    assert not classify(Transcription(text, confidence, 0.2), 1500).backchannel


@pytest.mark.parametrize("text", ["Stop.", "Wait a", "What?", "No.", "One moment.", "Go back.", "Shorter."])
def test_a_call_is_never_a_murmur(text: str) -> None:
    """However unclear: whoever may have said "stop" is obeyed."""
    assert not classify(Transcription(text, -1.3, 0.2), 400).backchannel
