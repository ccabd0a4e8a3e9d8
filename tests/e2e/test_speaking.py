"""Speaking with it in a real browser, on the real stack: the browser's microphone plays what a person would say."""

import re
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.chromium import MICROPHONE, QUIET, SOUND, hears
from tests.e2e.stack import Stack
from tests.microphone import RATE
from tests.voices import say, silence


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A question, and another one that comes while the first is being answered."""
    parts = (
        silence(2500),
        say("What is FlashbackAvatars?"),
        silence(3500),
        say("Can I interrupt you?"),
        silence(60_000),
    )
    path = tmp_path_factory.mktemp("spoken") / "person.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.concatenate(parts) * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture
def page(stack: Stack, spoken: Path) -> Iterator[Page]:
    """The page, joined, in a session that is listened to."""
    with sync_playwright() as driver:
        flags = [*QUIET, *MICROPHONE, hears(spoken), SOUND]
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(stack.url)
        page.wait_for_function("() => window.flashback?.ears && flashback.control", timeout=60_000)
        page.wait_for_function("() => document.getElementById('face').videoWidth === 512", timeout=30_000)
        yield page
        browser.close()


def test_a_spoken_question_is_answered_aloud_and_interrupted_by_voice(page: Page) -> None:
    """Transcribed, answered, paused at the next words and interrupted by them; those are answered too."""
    energy = page.evaluate("flashback.audioEnergy")
    page.get_by_role("button", name="Microphone", exact=True).click()
    questions = page.locator("#conversation .question")
    expect(questions.first).to_have_text(re.compile("what is", re.IGNORECASE), timeout=30_000)
    page.wait_for_function("() => flashback.state === 'speaking'", timeout=15_000)
    page.wait_for_function("(before) => flashback.audioEnergy > before + 0.001", arg=energy)
    expect(page.locator("#conversation .note").first).to_have_text(re.compile("interrupted"), timeout=30_000)
    expect(questions.nth(1)).to_have_text(re.compile("interrupt", re.IGNORECASE), timeout=30_000)
    page.wait_for_function("() => flashback.state === 'speaking'", timeout=15_000)
    expect(page.locator("#saying")).to_be_hidden()
