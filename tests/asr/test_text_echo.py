"""The guard against the avatar's own voice, by its words."""

from services.asr.echo.text import TextEchoGuard


def test_own_words() -> None:
    """A piece of what the avatar says, misheard here and there, is its own; a person's question is not."""
    guard = TextEchoGuard(now=lambda: 0.0)
    assert not guard.is_echo("two processor cores are enough", 1)
    guard.avatar_says(1, "Two processor cores are enough,")
    guard.avatar_says(1, "and no GPU is needed for any of it.")
    assert guard.is_echo("Two processor cores are enough", 1)
    assert guard.is_echo("processor cause are enough and no GPU", 1)
    assert guard.is_echo("no GPU is needed", 1)
    assert not guard.is_echo("enough", 1)
    assert not guard.is_echo("How much memory do I need?", 1)
    guard.avatar_says(2, "Opening hours are nine to five.")
    assert not guard.is_echo("Two processor cores are enough", 1)


def test_own_words_are_anybodys_once_the_avatar_is_silent() -> None:
    """Its last words still come back for a moment; who repeats them afterwards asks something."""
    now = 0.0
    guard = TextEchoGuard(now=lambda: now)
    guard.avatar_says(1, "No GPU is needed for any of it.")
    now = 5.0
    guard.avatar_says(1, "")
    now = 7.0
    assert guard.is_echo("no GPU is needed", ago_s=3)
    assert guard.is_echo("no GPU is needed", ago_s=2.2)
    assert not guard.is_echo("no GPU is needed", ago_s=1.8)


def test_a_silence_is_no_words() -> None:
    """Ears that begin to listen as the avatar ends hear of its silence alone: nothing is its own by that."""
    guard = TextEchoGuard(now=lambda: 0.0)
    guard.avatar_says(1, "")
    assert not guard.is_echo("Do you like green eggs", 1)
