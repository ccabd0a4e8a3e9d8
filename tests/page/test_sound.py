"""The voice sounds as soon as the browser lets it, unless it was switched off."""

from playwright.sync_api import Page, expect

from tests.page.conftest import Open
from tests.page.person import ask

# Whatever a test evaluates counts as a gesture, so the page itself has to say that it is ready.
SAY_WHEN_OFFERED = """
setInterval(() => document.getElementById("tap")?.hidden === false && console.log("sound is offered"), 100);
"""


def test_sound_comes_with_the_first_gesture(open_strict_page: Open) -> None:
    """The face plays muted at once with an offer of sound; asking is gesture enough."""
    page = open_strict_page(init=SAY_WHEN_OFFERED, joins=False)
    page.wait_for_event("console", lambda message: message.text == "sound is offered")
    expect(page.get_by_role("button", name="Tap for sound")).to_be_visible()
    assert page.evaluate("() => document.getElementById('face').muted && !document.getElementById('face').paused")
    ask(page)
    expect(page.get_by_role("button", name="Tap for sound")).to_be_hidden()
    assert not page.evaluate("() => document.getElementById('face').muted")


def test_sound_can_be_switched(page: Page) -> None:
    """Sound that was switched off on purpose stays off when a question is asked."""
    button = page.get_by_role("button", name="Sound", exact=True)
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    ask(page)
    page.wait_for_function("() => flashback.state === 'speaking'")
    expect(button).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("() => document.getElementById('face').muted")
    button.click()
    assert not page.evaluate("() => document.getElementById('face').muted")
