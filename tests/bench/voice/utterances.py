"""What is said to the avatar in `make bench-voice`. It is synthesized at each run, and the same each time."""

from dataclasses import dataclass
from itertools import cycle

import numpy as np

from tests.microphone import Sound
from tests.voices import VOICES, click, cough, noise, say, silence, with_pause

CONDITIONS: dict[str, float] = {"quiet": 60.0, "20 dB": 20.0, "10 dB": 10.0, "5 dB": 5.0}
"""The signal-to-noise ratio of each room: how much softer than the voice its noise is, dB."""

SPOKEN = (
    "What are the opening hours on Sunday?",
    "Do you need a GPU?",
    "How do I add my own documents?",
    "Does my data leave this machine?",
    "Which documents can you read?",
    "How much memory does it take?",
    "Tell me about the voice of the avatar.",
    "Can I interrupt you while you speak?",
    "I want to know how to start it.",
    "Where are the documents kept?",
    "How many people can watch at the same time?",
)

PAUSED = (
    ("How do I start it", "on a machine without a graphics card?"),
    ("Can I", "interrupt you?"),
    ("What is the difference between", "the small one and the large one?"),
    ("Does my data", "leave this machine?"),
    ("I would like to know", "which documents you can read."),
    ("Tell me about", "the voice of the avatar."),
    ("Do you need a GPU", "or is a processor enough?"),
    ("How many people", "can watch at the same time?"),
    ("Which documents", "can you read?"),
    ("If I add a document", "do I have to start it again?"),
)
"""Sentences with silence inside, at places where people think."""

PAUSES_MS = (250, 350, 450, 550, 600)

SINGLE = ("Documents?", "Help!", "Hello.", "Interruptions?", "Privacy?", "Microphone?")

INTERRUPTING = (
    "Stop, please.",
    "What about my own documents?",
    "Wait a moment.",
    "No, I meant the voice.",
    "How much memory does it take?",
    "Can you tell me about privacy?",
)

BACKCHANNELS = (
    "Yeah.",
    "Okay.",
    "Right.",
    "Uh-huh.",
    "I see.",
    "Hmm.",
    "Yeah, okay.",
    "Oh.",
    "Sure.",
    "Got it.",
    "Mm-hm.",
)


@dataclass(frozen=True, slots=True)
class Utterance:
    """`kind` is spoken, paused (with silence inside) or single (one word); `room` is a key of `CONDITIONS`."""

    kind: str
    text: str
    voice: str
    room: str
    sound: Sound


def turns() -> list[Utterance]:
    """All utterances that a turn is expected of, room after room."""
    voices = cycle(VOICES)
    made = []
    for room in CONDITIONS:
        for text in SPOKEN:
            voice = next(voices)
            made.append(Utterance("spoken", text, voice, room, say(text, voice)))
        if room == "quiet":
            for (first, second), pause in zip(PAUSED, cycle(PAUSES_MS), strict=False):
                voice = next(voices)
                sound = with_pause(first, second, pause, voice)
                made.append(Utterance("paused", f"{first} {second}", voice, room, sound))
            for text in SINGLE:
                voice = next(voices)
                made.append(Utterance("single", text, voice, room, say(text, voice)))
    return made


def room_of(condition: str, seconds: float = 4.0) -> Sound:
    """The noise of a room, for a microphone to loop."""
    return noise(seconds, CONDITIONS[condition])


def interruptions() -> list[tuple[str, Sound]]:
    """Speech that must end an answer, each with its name."""
    return [(f"{t} ({v})", say(t, v)) for t, v in zip(INTERRUPTING * 2, cycle(VOICES), strict=False)]


def backchannels() -> list[tuple[str, Sound]]:
    """Sounds of a listener, which must not end an answer, each with its name."""
    return [(f"{t} ({v})", say(t, v)) for t, v in zip(BACKCHANNELS, cycle(VOICES), strict=False)]


def noises() -> list[tuple[str, Sound]]:
    """Coughs, a door and keys, which must not end an answer either, each with its name."""
    keys = np.concatenate([np.concatenate([0.4 * click(), silence(120)]) for _ in range(5)])
    coughs = [(f"cough {seed}", cough(seed)) for seed in range(3)]
    return [*coughs, ("a throat cleared", say("Hrm.", VOICES[1])), ("a door", click()), ("keys", keys)]
