"""What is said for what is written."""

import pytest

from services.common.errors import Problem
from services.tts.engine import Line, Voice
from services.tts.text.cleaning import clean
from services.tts.text.lines import lines_of

JOE = Voice("joe", "piper", "en-us", "male", 22050)


def voice_for(tag: str) -> Voice:
    return Voice(f"espeak-{tag}", "espeak", tag, "male", 22050)


def said(text: str) -> str:
    return " ".join(word.spoken for line in lines_of(text, JOE, voice_for) for word in line.words)


def shown(lines: list[Line]) -> str:
    return " ".join(word.text for line in lines for word in line.words)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("$3.5m", "three point five million dollars"),
        ("$3.5 million", "three point five million dollars"),
        ("$3.50", "three dollars and fifty cents"),
        ("$1", "one dollar"),
        ("€20", "twenty euros"),
        ("£0.01", "one penny"),
        ("in 2024", "in twenty twenty four"),
        ("in 1905", "in nineteen oh five"),
        ("in 2007", "in two thousand seven"),
        ("the 1990s", "the nineteen nineties"),
        ("2048 tokens", "two thousand forty eight tokens"),
        ("1,234.56", "one thousand two hundred thirty four point five six"),
        ("10 000 files", "ten thousand files"),
        ("1000000", "one million"),
        ("007", "oh oh seven"),
        ("15 FPS", "fifteen frames per second"),
        ("1 FPS", "one frame per second"),
        ("512×512", "five hundred twelve by five hundred twelve"),
        ("1920x1080", "one thousand nine hundred twenty by one thousand eighty"),
        ("~50 ms", "about fifty milliseconds"),
        ("48kHz", "forty eight kilohertz"),
        ("16GB", "sixteen gigabytes"),
        ("1 km", "one kilometer"),
        ("-5°C", "minus five degrees Celsius"),
        ("45%", "forty five percent"),
        ("3x", "three times"),
        ("10-20", "ten to twenty"),
        ("$5-10", "five to ten dollars"),
        ("3/4", "three quarters"),
        ("7/8", "seven out of eight"),
        ("24/7", "twenty four seven"),
        ("21st", "twenty first"),
        ("12th", "twelfth"),
        ("20th", "twentieth"),
        ("10:30 a.m.", "ten thirty AM"),
        ("10:05", "ten oh five"),
        ("5pm", "five PM"),
        ("3:00", "three o'clock"),
        ("Jan. 5, 2024", "January fifth, twenty twenty four".replace(",", "")),
        ("May 3", "May third"),
        ("5 May 2023", "the fifth of May twenty twenty three"),
        ("2024-05-03", "May third twenty twenty four"),
        ("5/3/2024", "May third twenty twenty four"),
        ("Dr. Smith", "doctor Smith"),
        ("Mr. J. Brown", "mister J Brown"),
        ("St. Mary on Main St. and", "saint Mary on Main street and"),
        ("e.g. this", "for example this"),
        ("cats vs. dogs", "cats versus dogs"),
        ("the U.S. won", "the US won"),
        ("No. 5", "number five"),
        ("joe.b@example.com", "joe dot b at example dot com"),
        ("https://www.example.com/a_b/", "example dot com slash a underscore b"),
        ("localhost:8080", "localhost colon eight thousand eighty"),
        ("v1.2.3", "version one point two point three"),
        ("192.168.0.1", "one hundred ninety two dot one hundred sixty eight dot zero dot one"),
        ("555-123-4567", "five five five one two three four five six seven"),
        ("H264 and GPT-4", "H two sixty four and GPT four"),
        ("C++", "see plus plus"),
        ("snake_case", "snake case"),
        ("x²", "x squared"),
        ("a < b & c", "a less than b and c"),
        ("World War II", "World War two"),
        ("don’t", "don't"),
        ("WHY IS IT SO LOUD", "why is it so loud"),
    ],
)
def test_written_is_said_as_people_say_it(text: str, want: str) -> None:
    """Each kind of token is said as a person reads it aloud, and shown as it was written."""
    assert said(text) == want
    assert shown(lines_of(text, JOE, voice_for)) == text


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Smith left. He was late.", 2),
        ("It is at 10:30 a.m. We are late.", 2),
        ("The U.S. economy grew 3.5 percent.", 1),
        ("Is it No. 5? No. It is not.", 3),
        ("Take 5. Then vol. 2, ch. 3, on Jan. 4.", 2),
        ("The U.S. Army built node.js? i.e. Nobody did.", 2),
        ('He said "What?" and left.', 1),
        ("Well… maybe.", 1),
        ("One\n\nTwo", 2),
        ("One line\nthat was wrapped", 1),
        ("- one\n- two\n- three", 3),
        ("1. Open it.\n2. Close it.", 2),
    ],
)
def test_a_sentence_is_a_line(text: str, sentences: int) -> None:
    """Sentences end where they end, not at abbreviations and decimals."""
    assert len(lines_of(text, JOE, voice_for)) == sentences


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("# Title\n\nSome **bold**, *soft* and `code`.", "Title\nSome bold, soft and code."),
        ("- [a link](http://x.y/z) and ![a picture](p.png)", "a link and a picture"),
        ("<b>Bold</b> &amp; plain<br/>", "Bold & plain"),
        ("True.[1] So[^2] they say.", "True. So they say."),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a, b\n1, 2"),
        ("```python\nx = 1\n```", "x = 1"),
        ("Hi \x00\x07\u200b\u202ethere\x1b[0m", "Hi there[0m"),
        ("Hello 👋🏽 world 👨‍👩‍👧!", "Hello world !"),
        ("3 * 4", "3×4"),
        ("***", ""),
    ],
)
def test_markup_is_not_read_aloud(text: str, want: str) -> None:
    """Markdown, HTML, control characters and emoji are taken off; the words stay."""
    assert clean(text) == want


@pytest.mark.parametrize("text", ["...", "👋", "— “” —", "🎉🎉 !!", "**", "\u200b."])
def test_nothing_sayable_is_no_line(text: str) -> None:
    """Marks and emoji alone are no error and no speech."""
    assert lines_of(text, JOE, voice_for) == []


def test_other_scripts_get_another_voice() -> None:
    """Words of another script are said by a voice for it, in their place."""
    lines = lines_of("The word привет means hello; 你好。", JOE, voice_for)
    assert [line.voice.name for line in lines] == ["joe", "espeak-ru", "joe", "espeak-cmn"]


def test_a_script_that_nobody_speaks() -> None:
    """Alone it is refused by name; among other words those are said."""
    with pytest.raises(Problem, match="Khmer") as refused:
        lines_of("សួស្តី", JOE, voice_for)
    assert refused.value.status == 422
    assert said("hello សួស្តី world") == "hello world"


def test_a_voice_keeps_its_own_script() -> None:
    """A Bulgarian voice reads Cyrillic itself, and numbers are left to it."""
    voice = voice_for("bg")
    (line,) = lines_of("Имам 5 ябълки.", voice, voice_for)
    assert line.voice == voice
    assert line.words[1].spoken == "5"


def test_long_sentences_are_said_in_several_breaths() -> None:
    """No line is longer than one breath, none of the words is lost, and cuts prefer commas."""
    text = ", ".join(["and so the story went on for a good while longer"] * 20) + "."
    lines = lines_of(text, JOE, voice_for)
    assert shown(lines) == text
    assert all(sum(len(word.spoken) + 1 for word in line.words) <= 241 for line in lines)
    assert all(line.words[-1].mark for line in lines)
