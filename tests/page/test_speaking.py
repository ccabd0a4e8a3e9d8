"""The page hears a voice: what it shows, what it reports, and what interrupts."""

from playwright.sync_api import Page, expect

from services.common.messages import State
from tests.page.person import ask, press_microphone
from tests.page.stand_in import StandIn


def test_speaking_interrupts(page: Page, stand_in: StandIn) -> None:
    """The voice meter reports that somebody speaks and that they stopped; an answer ends by it."""
    stand_in.answer = " ".join(["word"] * 60)
    ask(page)
    page.wait_for_function("() => flashback.state === 'speaking'")
    press_microphone(page)
    page.wait_for_function("() => flashback.userSpeaking")
    expect(page.locator("#stage")).to_have_attribute("data-hearing", "")
    expect(page.locator(".turn .note")).to_have_text("interrupted")
    page.wait_for_function("() => !flashback.userSpeaking")
    assert [m["speaking"] for m in stand_in.of("user_speaking", at_least=2)][:2] == [True, False]
    assert not stand_in.of("cancel")


def test_where_the_server_has_ears_the_page_leaves_it_to_them(page: Page, stand_in: StandIn) -> None:
    """The page's own detector still shows that it hears a voice; it reports only once the server stops listening."""
    stand_in.grow_ears()
    page.wait_for_function("() => flashback.ears")
    press_microphone(page)
    page.wait_for_function("() => flashback.userSpeaking")
    expect(page.locator("#stage")).to_have_attribute("data-hearing", "")
    page.wait_for_function("() => !flashback.userSpeaking")
    assert stand_in.of("user_speaking") == []
    live = stand_in.only()
    stand_in.emit(State(session=live.id, turn=live.turn, state="listening", ears=False))
    assert stand_in.of("user_speaking", at_least=1)[0]["speaking"]


def test_speech_that_nobody_understands_is_said(page: Page, stand_in: StandIn) -> None:
    """With the microphone on and a server that does not listen there is a notice, and the label claims nothing."""
    notice = page.get_by_text("Speech is not understood just now: type your question.")
    label = page.locator("#state")
    stand_in.grow_ears()
    page.wait_for_function("() => flashback.ears")
    press_microphone(page)
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
    press_microphone(page)
    expect(notice).to_be_visible()
    press_microphone(page)
    expect(notice).to_have_count(0)
    press_microphone(page)
    expect(notice).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()
    ask(page)
    page.wait_for_function("() => flashback.state === 'speaking'")
    expect(notice).to_have_count(0)


def test_a_pause_is_no_interruption(page: Page, stand_in: StandIn) -> None:
    """While the server decides whether a voice interrupts, the page keeps its captions; then the answer goes on."""
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
