"""Asking, hearing, interrupting: the page's main path."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from services.common.messages import AnswerDelta, Caption, UnsupportedSentence
from tests.page.conftest import Open
from tests.page.live import SOURCES
from tests.page.person import ask, until_words_are_heard
from tests.page.stand_in import ANSWER, StandIn

SHORT = "It works. You heard it."
WATCH_CAPTIONS = """
window.captions = [];
addEventListener("DOMContentLoaded", () => new MutationObserver((records) => {
  for (const { addedNodes } of records)
    for (const node of addedNodes) if (node.tagName === "SPAN") captions.push(node.textContent);
}).observe(document.getElementById("captions"), { childList: true, subtree: true }));
"""


def test_a_question_is_asked_by_keyboard(page: Page, stand_in: StandIn) -> None:
    """Typing and Enter asks over the control channel, empties the line and stands in the conversation."""
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.type("Who are you?")
    page.keyboard.press("Enter")
    page.wait_for_function("() => flashback.state === 'speaking'")
    assert [m["text"] for m in stand_in.of("start_reply")] == ["Who are you?"]
    expect(page.get_by_label("Your question")).to_have_value("")
    expect(page.locator(".question")).to_have_text("Who are you?")


def test_enter_in_the_middle_of_nothing_asks_nothing(page: Page, stand_in: StandIn) -> None:
    """White space is no question, Shift+Enter is a new line."""
    page.keyboard.type("  ")
    page.keyboard.press("Enter")
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    page.keyboard.press("Enter")
    page.wait_for_function("() => flashback.state !== 'listening'")
    assert [m["text"] for m in stand_in.of("start_reply")] == ["one\ntwo"]


def test_a_suggested_question_asks_itself(page: Page, stand_in: StandIn) -> None:
    """A chip is asked with one press, and the chips make room for the conversation."""
    page.get_by_role("button", name="How do I add my own documents?").click()
    page.wait_for_function("() => flashback.state === 'speaking'")
    assert stand_in.of("start_reply")[0]["text"] == "How do I add my own documents?"
    expect(page.locator("#chips")).to_be_hidden()


def test_the_face_plays_and_the_voice_sounds(page: Page) -> None:
    """The picture runs at about 15 FPS, silence has no energy, an answer has."""
    page.wait_for_function("() => Math.abs(flashback.fps - 15) < 1.5")
    assert page.evaluate("() => flashback.audioEnergy") < 0.001
    ask(page)
    page.wait_for_function("() => flashback.audioEnergy > 0.05")
    assert page.evaluate("() => document.getElementById('face').videoWidth") == 512
    assert not page.evaluate("() => document.getElementById('face').muted")


def test_what_the_documents_do_not_bear_out_is_marked(page: Page, stand_in: StandIn) -> None:
    """A doubted sentence stands below the answer; where it was interrupted before it was heard, it is not mentioned."""
    ask(page)
    until_words_are_heard(page, 2)
    live = stand_in.only()
    expect(page.locator(".doubts")).to_be_hidden()
    stand_in.emit(UnsupportedSentence(session=live.id, turn=live.turn, text="It flies.", reason="It cites no passage."))
    expect(page.locator(".doubts")).to_have_text("Not found in the documents: “It flies.”")
    page.keyboard.press("Escape")
    expect(page.locator(".note")).to_be_visible()
    expect(page.locator(".doubts")).to_be_hidden()


def test_captions_come_word_by_word(open_page: Open, stand_in: StandIn) -> None:
    """Every word is captioned once, in order, the newest emphasised; what is not yet heard is not captioned."""
    page = open_page(init=WATCH_CAPTIONS)
    ask(page)
    until_words_are_heard(page, 5)
    shown = page.evaluate("() => captions.length")
    assert 5 <= shown < len(ANSWER.split())
    assert page.locator("#captions .now").count() == 1
    page.wait_for_function("() => flashback.state === 'listening'")
    seen = page.evaluate("() => captions")
    # A word that no longer fits its line is set again on the next one.
    assert [w for i, w in enumerate(seen) if i == 0 or w != seen[i - 1]] == ANSWER.split()
    expect(page.locator(".turn .answer")).to_contain_text(ANSWER)


def test_escape_interrupts(page: Page, stand_in: StandIn) -> None:
    """Esc sends cancel; captions vanish, what was heard stays, and nothing late of that turn is shown."""
    ask(page)
    until_words_are_heard(page, 4)
    page.keyboard.press("Escape")
    page.wait_for_function("() => flashback.state === 'listening'")
    heard = " ".join(stand_in.only().spoken)
    assert ANSWER.startswith(heard)
    assert len(heard) < len(ANSWER)
    assert stand_in.of("cancel")
    expect(page.locator("#captions")).to_be_empty()
    expect(page.locator(".turn .heard")).to_have_text(heard)
    expect(page.locator(".turn .note")).to_have_text("interrupted")

    live = stand_in.only()
    stand_in.emit(Caption(session=live.id, turn=live.turn, word="late", t0=0, t1=1))
    stand_in.emit(AnswerDelta(session=live.id, turn=live.turn, text="late"))
    ask(page)
    until_words_are_heard(page, 1)
    expect(page.locator("body")).not_to_contain_text("late")


def test_the_stop_button_interrupts_and_gives_the_focus_back(page: Page, stand_in: StandIn) -> None:
    """Stop is there while there is something to stop, works by keyboard, and leaves the focus in the question line."""
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    ask(page)
    until_words_are_heard(page, 2)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_function("() => flashback.state === 'listening'")
    assert stand_in.of("cancel")
    expect(page.get_by_label("Your question")).to_be_focused()


def test_a_new_question_takes_over(page: Page, stand_in: StandIn) -> None:
    """Asking while an answer is spoken ends that one as heard and shows the new one below."""
    ask(page, "First?")
    until_words_are_heard(page, 2)
    ask(page, "Second?")
    page.wait_for_function("() => flashback.turn === 2 && flashback.state === 'speaking'")
    expect(page.locator(".question")).to_have_text(["First?", "Second?"])
    expect(page.locator(".turn").first.locator(".note")).to_have_text("interrupted")
    expect(page.locator(".turn").last.locator(".note")).to_be_hidden()


def test_the_newest_question_stays_in_view(open_page: Open, stand_in: StandIn) -> None:
    """On a small screen a new question comes to the top of the conversation, and its sources do not push it out."""
    page = open_page(width=360, height=740)
    stand_in.answer = "First. Then this."
    for n, question in enumerate(["One?", "Two?", "Three?"], 1):
        ask(page, question)
        expect(page.locator(".source")).to_have_count(2 * n)
        page.wait_for_function("(n) => flashback.turn === n && flashback.state === 'listening'", arg=n)
        expect(page.locator(".question").last).to_be_in_viewport(ratio=0.9)
        shown = page.locator(".question").last.bounding_box()
        box = page.locator(".talk").bounding_box()
        assert shown is not None
        assert box is not None
        assert box["y"] <= shown["y"] <= box["y"] + 60


def test_sources_are_cards(page: Page) -> None:
    """Each source of an answer stands below it with title, path and quote."""
    ask(page)
    expect(page.locator(".source")).to_have_count(len(SOURCES))
    for shown, (source, title, quote) in zip(page.locator(".source").all(), SOURCES, strict=True):
        expect(shown.locator("cite")).to_have_text(title)
        expect(shown.locator(".path")).to_have_text(source)
        expect(shown.locator("blockquote")).to_have_text(quote)


def test_the_waterfall_shows_the_turn(page: Page, stand_in: StandIn) -> None:
    """The panel unfolds by keyboard and shows every step with its time, and what arrives live."""
    stand_in.answer = SHORT
    ask(page)
    expect(page.locator("#glance")).to_contain_text("203 ms")
    page.locator("#behind summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".step")).to_have_count(7)
    expect(page.locator(".step").last).to_contain_text("203 ms")
    widths = page.eval_on_selector_all(".step .span", "bars => bars.map((b) => b.getBoundingClientRect().width)")
    assert min(widths) >= 3
    page.wait_for_function("() => Number(document.querySelector('#live dd b')?.textContent) > 10")
    expect(page.locator("#live")).to_contain_text("Jitter")


def test_what_is_spoken_otherwise_than_written_is_still_followed(page: Page, stand_in: StandIn) -> None:
    """Numbers and abbreviations sound unlike they are written; the heard part catches up at the next equal word."""
    live = stand_in.only()
    of: dict[str, Any] = {"session": live.id, "turn": 1}
    stand_in.emit(AnswerDelta(**of, text="It draws 15 frames per second."))
    for t, word in enumerate(["It", "draws", "fifteen", "frames"]):
        stand_in.emit(Caption(**of, word=word, t0=t, t1=t + 1))
    expect(page.locator(".heard")).to_have_text("It draws 15 frames")
    expect(page.locator(".ahead")).to_have_text("per second.")


@pytest.mark.parametrize("look", ["dusk", "morning"])
def test_a_look_is_chosen(page: Page, stand_in: StandIn, look: str) -> None:
    """The looks are a radio group; choosing one asks the server for it."""
    expect(page.get_by_role("radio", name="studio")).to_be_checked()
    page.get_by_role("radio", name=look).check()
    page.wait_for_function("(look) => document.querySelector('.look input:checked')?.value === look", arg=look)
    assert [m["style"] for m in stand_in.of("style", at_least=1)] == [look]
    expect(page.locator("#looks")).to_have_attribute("aria-busy", "false")
    page.reload()
    expect(page.get_by_role("radio", name=look)).to_be_checked()


def test_a_look_that_is_refused_is_not_taken(open_page: Open, stand_in: StandIn) -> None:
    """When the server has no such look it says so, and the chosen one falls back to the one in force."""
    stand_in.offered = ["studio", "noir"]
    page = open_page()
    page.get_by_role("radio", name="noir").click()
    expect(page.locator(".notice")).to_contain_text("there is no noir")
    expect(page.get_by_role("radio", name="studio")).to_be_checked()
