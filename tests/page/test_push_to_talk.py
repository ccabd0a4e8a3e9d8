"""The space bar is held to talk."""

import pytest
from playwright.sync_api import Page, expect

from tests.page.person import ask, hold_space, press_microphone
from tests.page.stand_in import StandIn


def test_the_space_bar_is_held_to_talk(page: Page, stand_in: StandIn) -> None:
    """It opens the microphone and interrupts, even where the server listens; released, the microphone is muted."""
    stand_in.grow_ears()
    stand_in.answer = " ".join(["word"] * 60)
    ask(page)
    page.wait_for_function("() => flashback.state === 'speaking'")
    hold_space(page)
    expect(page.locator(".turn .note")).to_have_text("interrupted")
    page.wait_for_function("() => flashback.microphone && !flashback.muted")
    page.keyboard.up("Space")
    assert [m["speaking"] for m in stand_in.of("user_speaking", at_least=2)] == [True, False]
    assert page.evaluate("() => flashback.microphone && flashback.muted")
    expect(page.get_by_role("button", name="Muted")).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("pressed", ["Mute", "Microphone"])
def test_the_space_bar_talks_after_a_button_of_the_microphone_was_clicked(
    page: Page, stand_in: StandIn, pressed: str
) -> None:
    """While the key is held the server hears the voice; afterwards the microphone is muted if it was before."""
    stand_in.grow_ears()
    press_microphone(page)
    page.wait_for_function("() => flashback.microphone")
    if pressed == "Mute":
        page.get_by_role("button", name="Mute").click()
    muted = page.evaluate("() => flashback.muted")
    assert muted is (pressed == "Mute")
    heard = len(stand_in.of("sound"))
    page.keyboard.down("Space")
    page.wait_for_function("() => flashback.microphone && !flashback.muted && flashback.userSpeaking")
    expect(page.locator("#state")).to_have_text("Listening")
    stand_in.of("sound", at_least=heard + 25)  # half a second of it
    page.keyboard.up("Space")
    assert [m["speaking"] for m in stand_in.of("user_speaking", at_least=2)] == [True, False]
    assert page.evaluate("() => flashback.microphone")
    assert page.evaluate("() => flashback.muted") is muted


def test_a_microphone_that_was_open_stays_open_after_the_space_bar(page: Page) -> None:
    """Holding the key is not a way to mute."""
    press_microphone(page)
    page.wait_for_function("() => flashback.microphone")
    hold_space(page)
    page.keyboard.up("Space")
    assert not page.evaluate("() => flashback.muted")


def test_the_space_bar_is_a_blank_while_typing(page: Page, stand_in: StandIn) -> None:
    """In a question that has begun it types a blank, and on a button that has the focus it presses the button."""
    press_microphone(page)
    page.wait_for_function("() => flashback.microphone")
    page.get_by_label("Your question").focus()
    page.keyboard.type("to be ")
    page.keyboard.down("Space")
    page.keyboard.up("Space")
    expect(page.get_by_label("Your question")).to_have_value("to be  ")
    page.get_by_label("Your question").fill("")
    page.keyboard.down("Space")  # nothing is typed yet: talking
    page.keyboard.up("Space")
    expect(page.get_by_label("Your question")).to_have_value("")
    page.get_by_role("button", name="Mute").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Muted")).to_be_visible()
    held = [m for m in stand_in.of("user_speaking") if m["speaking"]]
    assert len(held) >= 1
