"""What the person says, as the server understands it."""

from typing import Any

from playwright.sync_api import Page, expect

from services.common.messages import Interrupted, State, Transcript
from tests.page.stand_in import StandIn


def test_what_the_person_says_is_shown_as_it_is_said(page: Page, stand_in: StandIn) -> None:
    """The words stand beside the captions while they are said, then as the turn's question; a final blank ends them."""
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
    """They do not stay when the server is lost before it told their end."""
    stand_in.emit(Transcript(session=stand_in.only().id, turn=0, text="tell me", final=False))
    expect(page.locator("#saying")).to_have_text("tell me")
    stand_in.drop_control()
    expect(page.locator("#saying")).to_be_hidden()


def test_a_question_that_is_added_to_stands_there_once(page: Page, stand_in: StandIn) -> None:
    """The whole question takes the place of its beginning, of whose answer nothing was heard."""
    of: dict[str, Any] = {"session": stand_in.only().id}
    stand_in.emit(State(**of, turn=1, state="thinking"))
    stand_in.emit(Transcript(**of, turn=1, text="What does it cost", final=True))
    stand_in.emit(Interrupted(**of, turn=1, heard_text=""))
    stand_in.emit(State(**of, turn=2, state="thinking"))
    stand_in.emit(Transcript(**of, turn=2, text="What does it cost per month?", final=True))
    expect(page.locator(".question")).to_have_text(["What does it cost per month?"])
