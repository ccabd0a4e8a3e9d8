"""What goes wrong is said in a sentence, and mends itself where it can."""

from typing import Any

from playwright.sync_api import Page, expect

from services.common.errors import Problem
from services.common.messages import AnswerDelta, Caption, Citation, Error, Transcript
from tests.page.conftest import JOINED, Open
from tests.page.person import ask
from tests.page.stand_in import StandIn

FRAMES = "() => document.getElementById('face').getVideoPlaybackQuality().totalVideoFrames"


def test_the_control_channel_comes_back(page: Page, stand_in: StandIn) -> None:
    """A broken control channel reconnects without a reload and without a new session; questions work again."""
    page.evaluate("() => (window.same = true)")
    stand_in.drop_control()
    page.wait_for_function("() => !flashback.control")
    page.wait_for_function(JOINED)
    ask(page)
    page.wait_for_function("() => flashback.state === 'speaking'")
    assert page.evaluate("() => window.same")
    assert len(stand_in.of("session")) == 1


def test_a_question_is_answered_while_the_control_channel_is_away(page: Page, stand_in: StandIn) -> None:
    """Without a control channel the question goes by HTTP, and its answer and sources are shown."""
    stand_in.refuse_control = True
    stand_in.drop_control()
    page.wait_for_function("() => !flashback.control")
    ask(page)
    expect(page.locator(".answer")).to_contain_text("gives your documents a face")
    expect(page.locator(".source")).to_have_count(2)
    assert stand_in.of("answer")[0]["session"] == stand_in.only().id
    expect(page.get_by_text("The server does not answer at the moment")).to_be_visible()
    stand_in.refuse_control = False
    page.wait_for_function("() => flashback.control")
    expect(page.get_by_text("The server does not answer at the moment")).to_have_count(0)


def test_the_face_returns(page: Page, stand_in: StandIn) -> None:
    """When the peer connection ends the page joins its session again; the last picture stays meanwhile."""
    page.evaluate("() => (window.same = true)")
    session = page.evaluate("() => flashback.session")
    page.wait_for_function(f"() => ({FRAMES})() > 3")
    page.evaluate(
        """() => {
            const stage = document.getElementById('stage')
            window.stood = new Promise((seen) => new MutationObserver(() => {
                if (stage.matches('[data-state=away][data-still]')) seen(true)
            }).observe(stage, { attributes: true }))
        }"""
    )
    stand_in.drop_peers()
    page.wait_for_function("() => window.stood")
    page.wait_for_function("() => flashback.peer === 'connected' && flashback.state === 'listening'")
    before = page.evaluate(FRAMES)
    page.wait_for_function(f"(n) => ({FRAMES})() > n + 5", arg=before)
    first, second = stand_in.of("session")
    assert first["session"] is None
    assert second["session"] == session
    assert second["authorization"] == f"Bearer {stand_in.only().token}"
    assert page.evaluate("() => window.same")


def test_a_session_that_is_gone_is_replaced(page: Page, stand_in: StandIn) -> None:
    """When the server has forgotten the session the page opens a new one; what was said stays on the page."""
    stand_in.answer = "Yes."
    ask(page, "Are you there?")
    expect(page.locator(".answer .heard")).to_have_text("Yes.")
    old = page.evaluate("() => flashback.session")
    stand_in.forget()
    page.wait_for_function(
        "(old) => flashback.session !== old && flashback.state === 'listening' && flashback.control", arg=old
    )
    expect(page.locator(".question")).to_have_text("Are you there?")
    ask(page, "And now?")
    expect(page.locator(".turn").last.locator(".heard")).to_have_text("Yes.")
    expect(page.locator(".question")).to_have_text(["Are you there?", "And now?"])


def test_a_reload_returns_to_the_session(page: Page, stand_in: StandIn) -> None:
    """Reloading joins the same session with the same rights instead of opening another."""
    session = page.evaluate("() => flashback.session")
    page.reload()
    page.wait_for_function(JOINED)
    assert page.evaluate("() => flashback.session") == session
    assert stand_in.of("session")[1]["authorization"] == f"Bearer {stand_in.only().token}"


def test_the_servers_reason_is_shown(open_page: Open, stand_in: StandIn) -> None:
    """A refusal to open a session is shown in the server's own words, and tried again until it works."""
    stand_in.away = Problem(503, "Redis is away; start it with redis-server.")
    page = open_page(joins=False)
    expect(page.get_by_text("Redis is away; start it with redis-server.")).to_be_visible()
    expect(page.locator("#stage")).to_have_attribute("data-state", "connecting")
    stand_in.away = None
    page.wait_for_function(JOINED)
    expect(page.locator(".notice")).to_have_count(0)


def test_an_absent_server_is_said(page: Page, stand_in: StandIn) -> None:
    """When nothing answers any more the page says so and keeps the last picture."""
    stand_in.stop()
    expect(page.get_by_text("The server cannot be reached.")).to_be_visible(timeout=20_000)
    expect(page.locator("#stage")).to_have_attribute("data-state", "away")
    ask(page)
    expect(page.get_by_label("Your question")).to_have_value("What is FlashbackAvatars?")


def test_an_error_event_is_shown(page: Page, stand_in: StandIn) -> None:
    """An error of the session stands on the page with its title until it is dismissed."""
    stand_in.emit(Error(session=stand_in.only().id, title="No voice", detail="Start the tts service."))
    notice = page.locator(".notice")
    expect(notice).to_contain_text("No voice. Start the tts service.")
    notice.get_by_role("button", name="Dismiss").click()
    expect(notice).to_have_count(0)


def test_text_is_never_markup(page: Page, stand_in: StandIn) -> None:
    """Whatever events carry is shown as the text that it is."""
    evil = "<img src=x onerror='window.owned=1'><b>bold</b>"
    of: dict[str, Any] = {"session": stand_in.only().id, "turn": 1}
    stand_in.emit(Transcript(**of, text=evil, final=False))
    stand_in.emit(Transcript(**of, text=evil, final=True))
    stand_in.emit(AnswerDelta(**of, text=evil))
    stand_in.emit(Caption(**of, word=evil, t0=0, t1=1))
    stand_in.emit(Citation(**of, source=evil, title=evil, quote=evil, t=0))
    stand_in.emit(Error(**of, title=evil, detail=evil))
    expect(page.locator(".notice")).to_contain_text(evil)
    for place in (".question", ".answer", "#captions", ".source cite", ".source .path", ".source blockquote"):
        expect(page.locator(place)).to_contain_text(evil)
    assert page.locator("img, #conversation b, #captions b").count() == 0
    assert page.evaluate("() => window.owned") is None


def test_no_webrtc_is_said(open_page: Open, stand_in: StandIn) -> None:
    """A browser without WebRTC gets a sentence; nothing is sent."""
    page = open_page(init="delete window.RTCPeerConnection;", joins=False)
    expect(page.get_by_text("This browser has no WebRTC")).to_be_visible()
    assert not stand_in.of("session")
