"""The flags of headless Chromium, by what a test needs of it."""

from pathlib import Path

QUIET = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")
"""It asks the internet for nothing. The sandbox does not start in containers."""

SOUND = "--autoplay-policy=no-user-gesture-required"
SOUND_AFTER_A_GESTURE = "--autoplay-policy=document-user-activation-required"
"""As people have it."""

_FAKE_MICROPHONE = "--use-fake-device-for-media-stream"
MICROPHONE = (_FAKE_MICROPHONE, "--use-fake-ui-for-media-stream")
"""It is lent without a question, and beeps once a second."""
MICROPHONE_DENIED = (_FAKE_MICROPHONE, "--use-fake-ui-for-media-stream=deny")
"""There is one, and the person has said no."""


def hears(recording: Path) -> str:
    """The fake microphone plays this WAV file over and over instead."""
    return f"--use-file-for-fake-audio-capture={recording}"
