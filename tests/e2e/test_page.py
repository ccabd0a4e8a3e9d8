"""The page in a real browser, on the real stack: what a newcomer does first."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from services.stack.environment import RUN
from tests.chromium import MICROPHONE, QUIET, SOUND
from tests.e2e.stack import Stack

ARTIFACTS = Path(os.environ.get("ARTIFACTS_DIR", RUN / "artifacts"))


@pytest.fixture
def page(stack: Stack) -> Iterator[Page]:
    """The page, joined: the face is live and the control socket is open."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=[*QUIET, *MICROPHONE, SOUND])
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(stack.url)
        page.wait_for_function("() => window.flashback?.state === 'listening' && flashback.control", timeout=30_000)
        page.wait_for_function("() => document.getElementById('face').videoWidth === 512", timeout=30_000)
        yield page
        browser.close()


def frames_of(page: Page, seconds: float) -> float:
    """Decoded video frames a second, as the browser counts them."""
    count = "() => document.getElementById('face').getVideoPlaybackQuality().totalVideoFrames"
    before = page.evaluate(count)
    page.wait_for_timeout(seconds * 1000)
    return float(page.evaluate(count) - before) / seconds


def contrast(png: bytes) -> float:
    """Standard deviation of a picture's values, 0 to 127; 0: blank."""
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return float(pixels.std())


def test_a_newcomer_asks_hears_sees_and_interrupts(page: Page) -> None:
    """Keyboard question → moving picture, voiced sound, captions, sources; Escape silences it."""
    assert frames_of(page, 3) > 5, "the picture moves while nobody speaks"
    page.get_by_label("Your question").fill("What is FlashbackAvatars?")
    page.keyboard.press("Enter")
    page.wait_for_function("() => flashback.state === 'speaking'")
    page.wait_for_function("() => document.querySelector('#captions span')")
    before = page.evaluate("flashback.audioEnergy")
    page.wait_for_function("(before) => flashback.audioEnergy > before + 0.001", arg=before)
    expect(page.locator("#conversation")).to_contain_text("What is FlashbackAvatars?")
    page.wait_for_timeout(700)
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    shot = page.screenshot(path=ARTIFACTS / "page-speaking.png")
    face = page.locator("#face").screenshot()
    assert contrast(shot) > 20, "the page is not blank"
    assert contrast(face) > 20, "the face is not blank"
    page.keyboard.press("Escape")
    page.wait_for_function("() => flashback.state === 'listening'")
    expect(page.locator("#captions")).to_have_text("")


def test_an_answer_that_is_heard_to_its_end_shows_its_sources(page: Page) -> None:
    """After the last word the page listens again; the answer stands with its source and its waterfall."""
    page.get_by_label("Your question").fill("How do I add my own documents?")
    page.keyboard.press("Enter")
    page.wait_for_function("() => flashback.state === 'speaking'")
    page.wait_for_function("() => flashback.state === 'listening'", timeout=40_000)
    expect(page.locator("#conversation")).to_contain_text("documents")
    expect(page.locator("#conversation .source, #conversation .sources li, #conversation cite").first).to_be_visible()
    page.locator("#behind summary").click()
    expect(page.locator("#waterfall")).to_contain_text("ms")
    page.screenshot(path=ARTIFACTS / "page-answered.png")


def test_the_microphone_reaches_the_gateway(page: Page, stack: Stack) -> None:
    """With the microphone on its sound arrives at the gateway without a new offer."""
    page.locator("#mic").click()  # the browser's fake microphone beeps once a second
    page.wait_for_function("() => flashback.microphone")
    heard = re.compile(r'^sfu_received_packets_total\{kind="audio",role="talker"\} ([1-9]\d*)', re.MULTILINE)
    for _ in range(50):
        if heard.search(httpx.get(f"{stack.parts['sfu-gateway'].url}/metrics").text):
            return
        page.wait_for_timeout(100)
    raise AssertionError("no sound of the microphone arrived at the gateway")
