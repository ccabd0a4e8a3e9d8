"""The microphone is lent when its button is pressed; speaking interrupts."""

from playwright.sync_api import Page, expect

from tests.page.conftest import Open
from tests.page.stand_in import StandIn
from tests.page.test_asking import ask


def microphone(page: Page) -> None:
    page.get_by_role("button", name="Microphone").click()


def test_speaking_interrupts(page: Page, stand_in: StandIn) -> None:
    """The voice meter reports that somebody speaks and that they stopped; an answer ends by it."""
    stand_in.answer = " ".join(["word"] * 60)
    ask(page)
    page.wait_for_function("() => flashback.state === 'speaking'")
    microphone(page)
    page.wait_for_function("() => flashback.userSpeaking")
    expect(page.locator("#stage")).to_have_attribute("data-hearing", "")
    expect(page.locator(".turn .note")).to_have_text("interrupted")
    page.wait_for_function("() => !flashback.userSpeaking")
    assert [m["speaking"] for m in stand_in.of("user_speaking", at_least=2)][:2] == [True, False]
    assert not stand_in.of("cancel")


def test_the_microphone_is_heard_without_a_new_negotiation(page: Page, stand_in: StandIn) -> None:
    """The track goes up on the connection that is there, and is given back when the button is pressed again."""
    assert stand_in.only().microphone_frames == 0
    microphone(page)
    expect(page.get_by_role("button", name="Microphone")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#state")).to_have_text("Listening")
    page.wait_for_function("() => flashback.userSpeaking")
    assert stand_in.only().microphone_frames > 0
    assert len(stand_in.of("session")) == 1
    microphone(page)
    expect(page.locator("#state")).to_have_text("Ready")
    assert not page.evaluate("() => flashback.userSpeaking || flashback.microphone")


def test_a_blocked_microphone_is_said(open_denied_page: Open) -> None:
    """Without permission there is a sentence, and typing works."""
    page = open_denied_page()
    microphone(page)
    expect(page.get_by_text("The microphone is blocked for this page.")).to_be_visible()
    expect(page.get_by_role("button", name="Microphone")).to_have_attribute("aria-pressed", "false")
    ask(page)
    page.wait_for_function("() => flashback.state === 'speaking'")


def test_a_missing_microphone_is_said(open_strict_page: Open) -> None:
    """Without a device there is another sentence."""
    page = open_strict_page()
    microphone(page)
    expect(page.get_by_text("No microphone was found.")).to_be_visible()


def test_an_insecure_page_says_why(open_page: Open) -> None:
    """Where browsers lend no microphone at all the page says where they do."""
    page = open_page(init="Object.defineProperty(navigator, 'mediaDevices', { value: undefined });")
    microphone(page)
    expect(page.get_by_text("https pages and to localhost only")).to_be_visible()


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


DECIDE = """async (frames) => {
  const { VoiceActivity } = await import("./js/voice-activity.js");
  const activity = new VoiceActivity({ frameMs: 20 });
  const turns = [];
  frames.forEach((db, i) => {
    const before = activity.speaking;
    if (activity.frame(db) !== before) turns.push([i * 20, activity.speaking]);
  });
  return turns;
}"""


def decide(page: Page, *stretches: tuple[float, int]) -> list[list[object]]:
    """Onsets and releases for stretches of (loudness in dB, ms)."""
    turns: list[list[object]] = page.evaluate(DECIDE, [db for db, ms in stretches for _ in range(ms // 20)])
    return turns


def test_voice_activity(page: Page) -> None:
    """Speech is noticed at once and ends 700 ms after its last sound; clicks and steady noise decide nothing."""
    assert decide(page, (-70, 2000), (-25, 1000), (-70, 2000)) == [[2100, True], [3680, False]]
    assert decide(page, (-70, 2000), (-10, 60), (-70, 2000)) == []
    assert decide(page, (-70, 2000), (-25, 600), (-70, 400), (-25, 600), (-70, 2000)) == [[2100, True], [4280, False]]
    noise = decide(page, (-70, 500), (-45, 20_000))
    assert noise[-1][1] is False
    assert decide(page, (-70, 500), (-45, 20_000), (-20, 500))[-1][1] is True
