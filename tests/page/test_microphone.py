"""The microphone is lent when its button is pressed; speaking interrupts."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from services.common.messages import Interrupted, State, Transcript
from tests.page.conftest import JOINED, Open
from tests.page.stand_in import StandIn
from tests.page.test_asking import ask


def microphone(page: Page) -> None:
    page.get_by_role("button", name="Microphone", exact=True).click()


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


def test_where_the_server_has_ears_the_page_leaves_it_to_them(page: Page, stand_in: StandIn) -> None:
    """Its own detector still shows that it hears something, but reports nothing; without the ears it does again."""
    stand_in.grow_ears()
    page.wait_for_function("() => flashback.ears")
    microphone(page)
    page.wait_for_function("() => flashback.userSpeaking")
    expect(page.locator("#stage")).to_have_attribute("data-hearing", "")
    page.wait_for_function("() => !flashback.userSpeaking")
    assert stand_in.of("user_speaking") == []
    live = stand_in.only()
    stand_in.emit(State(session=live.id, turn=live.turn, state="listening", ears=False))
    assert stand_in.of("user_speaking", at_least=1)[0]["speaking"]


def test_speech_that_nobody_understands_is_said(page: Page, stand_in: StandIn) -> None:
    """With the microphone on and no ears there is a notice and no claim to listen; both end when the ears are back."""
    notice = page.get_by_text("Speech is not understood just now: type your question.")
    label = page.locator("#state")
    stand_in.grow_ears()
    page.wait_for_function("() => flashback.ears")
    microphone(page)
    expect(label).to_have_text("Listening")
    live = stand_in.only()
    stand_in.emit(State(session=live.id, turn=live.turn, state="listening", ears=False))
    expect(label).to_have_text("Ready")
    expect(notice).to_be_visible()
    stand_in.grow_ears()
    expect(notice).to_have_count(0)
    expect(label).to_have_text("Listening")


def test_without_ears_only_an_open_microphone_is_told(page: Page) -> None:
    """The notice comes with the microphone, goes with it, and once dismissed does not come with every turn."""
    notice = page.get_by_text("Speech is not understood just now")
    microphone(page)
    expect(notice).to_be_visible()
    microphone(page)
    expect(notice).to_have_count(0)
    microphone(page)
    expect(notice).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()
    ask(page)
    page.wait_for_function("() => flashback.state === 'speaking'")
    expect(notice).to_have_count(0)


def test_what_the_person_says_is_shown_as_it_is_said(page: Page, stand_in: StandIn) -> None:
    """Beside the captions while it is said; then it is the question of its turn. What was nothing goes away."""
    of: dict[str, Any] = {"session": stand_in.only().id}
    saying = page.locator("#saying")
    stand_in.emit(Transcript(**of, turn=0, text="what is", final=False))
    expect(saying).to_have_text("what is")
    stand_in.emit(Transcript(**of, turn=0, text="", final=True))
    expect(saying).to_be_hidden()
    stand_in.emit(Transcript(**of, turn=0, text="what is this", final=False))
    stand_in.emit(State(**of, turn=1, state="thinking"))
    stand_in.emit(Transcript(**of, turn=1, text="What is this?", final=True))
    expect(saying).to_be_hidden()
    expect(page.locator(".question")).to_have_text("What is this?")
    expect(page.locator("#chips")).to_be_hidden()


def test_words_whose_end_is_not_told_go_away(page: Page, stand_in: StandIn) -> None:
    """The server is lost in the middle of them."""
    stand_in.emit(Transcript(session=stand_in.only().id, turn=0, text="tell me", final=False))
    expect(page.locator("#saying")).to_have_text("tell me")
    stand_in.drop_control()
    expect(page.locator("#saying")).to_be_hidden()


def test_a_question_that_is_added_to_stands_there_once(page: Page, stand_in: StandIn) -> None:
    """Its beginning, of whose answer nothing was heard, makes room for the whole."""
    of: dict[str, Any] = {"session": stand_in.only().id}
    stand_in.emit(State(**of, turn=1, state="thinking"))
    stand_in.emit(Transcript(**of, turn=1, text="What does it cost", final=True))
    stand_in.emit(Interrupted(**of, turn=1, heard_text=""))
    stand_in.emit(State(**of, turn=2, state="thinking"))
    stand_in.emit(Transcript(**of, turn=2, text="What does it cost per month?", final=True))
    expect(page.locator(".question")).to_have_text(["What does it cost per month?"])


def test_a_pause_is_no_interruption(page: Page, stand_in: StandIn) -> None:
    """While a voice is looked into the page listens, keeps its captions, and speaks on."""
    stand_in.answer = " ".join(["word"] * 60)
    ask(page)
    page.wait_for_function("() => flashback.state === 'speaking'")
    expect(page.locator("#captions")).to_contain_text("word")
    live = stand_in.only()
    stand_in.emit(State(session=live.id, turn=live.turn, state="paused"))
    expect(page.locator("#stage")).to_have_attribute("data-state", "paused")
    expect(page.locator("#captions")).to_contain_text("word")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    stand_in.emit(State(session=live.id, turn=live.turn, state="speaking"))
    expect(page.locator("#state")).to_have_text("Speaking")
    assert page.locator(".note:visible").count() == 0


def hold_space(page: Page) -> None:
    page.locator("body").click(position={"x": 5, "y": 400})  # nothing is pressed or typed into there
    page.keyboard.down("Space")


def test_the_space_bar_is_held_to_talk(page: Page, stand_in: StandIn) -> None:
    """It opens the microphone and interrupts, even where the server has ears; released, nobody is heard any more."""
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
    """Muted or not: while the key is held the server hears the voice; then it is as it was before."""
    stand_in.grow_ears()
    microphone(page)
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
    microphone(page)
    page.wait_for_function("() => flashback.microphone")
    hold_space(page)
    page.keyboard.up("Space")
    assert not page.evaluate("() => flashback.muted")


def test_the_space_bar_is_a_blank_while_typing(page: Page, stand_in: StandIn) -> None:
    """In a question that has begun, and on a button that has the focus, it does what it always does."""
    microphone(page)
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


def test_mute_sends_silence(page: Page, stand_in: StandIn) -> None:
    """The track goes on without a sound, the label does not claim to listen, and the button says how it is."""
    stand_in.grow_ears()
    microphone(page)
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
    """All that there are, by name; the choice is used at once, on the same connection, and at the next visit."""
    microphone(page)
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
    microphone(page)
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
    """Before the level of the first one is measured, too."""
    page.evaluate(SLOW_METER)
    microphone(page)
    devices = page.get_by_label("Which microphone")
    expect(devices).to_be_visible()
    devices.select_option(label=page.evaluate(SAY_WHICH)[-1])
    page.wait_for_function("() => flashback.microphone")
    page.evaluate("goOn()")
    page.wait_for_function("() => flashback.userSpeaking")


def test_a_chosen_microphone_that_is_not_there_is_no_obstacle(open_page: Open) -> None:
    """The browser's own choice takes its place."""
    page = open_page(init="localStorage.setItem('flashback.microphone', 'long gone');")
    microphone(page)
    page.wait_for_function("() => flashback.microphone")


KEEP_LENT = """
const lend = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wishes) => (window.lent = await lend(wishes));
"""


def test_a_microphone_that_is_unplugged_is_said(open_page: Open) -> None:
    """Its track ends: a sentence, the button is up again, and pressing it asks anew."""
    page = open_page(init=KEEP_LENT)
    microphone(page)
    page.wait_for_function("() => flashback.microphone")
    page.evaluate("() => window.lent.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    expect(page.get_by_text("The microphone is gone.")).to_be_visible()
    expect(page.get_by_role("button", name="Microphone")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#voice")).to_be_hidden()
    microphone(page)
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
    microphone(page)
    expect(page.get_by_label("Which microphone")).to_be_visible()
    page.evaluate(FEWER)
    expect(page.get_by_label("Which microphone").locator("option")).to_have_text(["One", "Microphone 2"])


def test_the_microphone_is_heard_without_a_new_negotiation(page: Page, stand_in: StandIn) -> None:
    """The track goes up on the connection that is there, and is given back when the button is pressed again."""
    stand_in.grow_ears()
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
  const { VoiceActivity } = await import("./js/microphone/voice-activity.js");
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
