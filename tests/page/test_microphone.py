"""The microphone is lent when its button is pressed: which one, muted, missing, blocked."""

from playwright.sync_api import Page, expect

from tests.page.conftest import JOINED, Open
from tests.page.person import ask, press_microphone
from tests.page.stand_in import StandIn


def test_mute_sends_silence(page: Page, stand_in: StandIn) -> None:
    """The track goes on without a sound, the label does not claim to listen, and the button says that it is muted."""
    stand_in.grow_ears()
    press_microphone(page)
    expect(page.locator("#state")).to_have_text("Listening")
    page.wait_for_function("() => flashback.userSpeaking")
    page.get_by_role("button", name="Mute").click()
    expect(page.locator("#state")).to_have_text("Ready")
    page.wait_for_function("() => !flashback.userSpeaking")
    frames = stand_in.only().microphone_frames
    page.wait_for_function(
        "() => getComputedStyle(document.getElementById('mic')).getPropertyValue('--level') === '0.000'"
    )
    assert stand_in.only().microphone_frames >= frames
    page.get_by_role("button", name="Muted").click()
    page.wait_for_function("() => flashback.userSpeaking")


SAY_WHICH = """() => navigator.mediaDevices.enumerateDevices().then(
  (all) => all.filter((d) => d.kind === "audioinput").map((d) => d.label))"""


def test_the_microphone_can_be_chosen(page: Page, stand_in: StandIn) -> None:
    """Microphones are listed by name; the chosen one is used at once, on the same connection, and at the next visit."""
    press_microphone(page)
    devices = page.get_by_label("Which microphone")
    expect(devices).to_be_visible()
    names = page.evaluate(SAY_WHICH)
    assert devices.locator("option").all_text_contents() == names
    devices.select_option(label=names[-1])
    chosen = "() => document.getElementById('devices').selectedOptions[0]?.textContent"
    page.wait_for_function(f"(name) => flashback.microphone && ({chosen})() === name", arg=names[-1])
    assert len(stand_in.of("session")) == 1
    page.reload()
    page.wait_for_function(JOINED)
    press_microphone(page)
    page.wait_for_function(f"(name) => ({chosen})() === name", arg=names[-1])


SLOW_METER = """() => {
  const { addModule } = AudioWorklet.prototype;
  const told = new Promise((tell) => (window.goOn = tell));
  AudioWorklet.prototype.addModule = async function (...about) {
    await told;
    return addModule.apply(this, about);
  };
}"""


def test_another_microphone_may_be_chosen_at_once(page: Page) -> None:
    """A choice that comes before the first microphone's level is measured is followed too."""
    page.evaluate(SLOW_METER)
    press_microphone(page)
    devices = page.get_by_label("Which microphone")
    expect(devices).to_be_visible()
    devices.select_option(label=page.evaluate(SAY_WHICH)[-1])
    page.wait_for_function("() => flashback.microphone")
    page.evaluate("goOn()")
    page.wait_for_function("() => flashback.userSpeaking")


def test_a_chosen_microphone_that_is_not_there_is_no_obstacle(open_page: Open) -> None:
    """The microphone that the browser prefers takes its place."""
    page = open_page(init="localStorage.setItem('flashback.microphone', 'long gone');")
    press_microphone(page)
    page.wait_for_function("() => flashback.microphone")


KEEP_LENT = """
const lend = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wishes) => (window.lent = await lend(wishes));
"""


def test_a_microphone_that_is_unplugged_is_said(open_page: Open) -> None:
    """When its track ends there is a sentence, the button is up again, and pressing it asks for the microphone anew."""
    page = open_page(init=KEEP_LENT)
    press_microphone(page)
    page.wait_for_function("() => flashback.microphone")
    page.evaluate("() => window.lent.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    expect(page.get_by_text("The microphone is gone.")).to_be_visible()
    expect(page.get_by_role("button", name="Microphone")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#voice")).to_be_hidden()
    press_microphone(page)
    page.wait_for_function("() => flashback.microphone")
    expect(page.get_by_text("The microphone is gone.")).to_be_hidden()


FEWER = """() => {
  const { mediaDevices } = navigator;
  mediaDevices.enumerateDevices = async () => [
    { kind: "audioinput", deviceId: "one", label: "One" }, { kind: "audioinput", deviceId: "two", label: "" },
    { kind: "videoinput", deviceId: "eye", label: "Eye" }];
  mediaDevices.dispatchEvent(new Event("devicechange"));
}"""


def test_devices_come_and_go(page: Page) -> None:
    """The list follows what is plugged in; one without a name is counted."""
    press_microphone(page)
    expect(page.get_by_label("Which microphone")).to_be_visible()
    page.evaluate(FEWER)
    expect(page.get_by_label("Which microphone").locator("option")).to_have_text(["One", "Microphone 2"])


def test_the_microphone_is_heard_without_a_new_negotiation(page: Page, stand_in: StandIn) -> None:
    """The track goes up on the connection that is there, and is given back when the button is pressed again."""
    stand_in.grow_ears()
    assert stand_in.only().microphone_frames == 0
    press_microphone(page)
    expect(page.get_by_role("button", name="Microphone")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#state")).to_have_text("Listening")
    page.wait_for_function("() => flashback.userSpeaking")
    assert stand_in.only().microphone_frames > 0
    assert len(stand_in.of("session")) == 1
    press_microphone(page)
    expect(page.locator("#state")).to_have_text("Ready")
    assert not page.evaluate("() => flashback.userSpeaking || flashback.microphone")


def test_a_blocked_microphone_is_said(open_denied_page: Open) -> None:
    """Without permission there is a sentence, and typing works."""
    page = open_denied_page()
    press_microphone(page)
    expect(page.get_by_text("The microphone is blocked for this page.")).to_be_visible()
    expect(page.get_by_role("button", name="Microphone")).to_have_attribute("aria-pressed", "false")
    ask(page)
    page.wait_for_function("() => flashback.state === 'speaking'")


def test_a_missing_microphone_is_said(open_strict_page: Open) -> None:
    """Without a device a sentence says that no microphone was found."""
    page = open_strict_page()
    press_microphone(page)
    expect(page.get_by_text("No microphone was found.")).to_be_visible()


def test_an_insecure_page_says_why(open_page: Open) -> None:
    """Where browsers lend no microphone at all the page says where they do."""
    page = open_page(init="Object.defineProperty(navigator, 'mediaDevices', { value: undefined });")
    press_microphone(page)
    expect(page.get_by_text("https pages and to localhost only")).to_be_visible()
