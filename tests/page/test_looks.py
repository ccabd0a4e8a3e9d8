"""What it looks like, on every screen, for everybody; pictures are kept for people to judge."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from services.common.messages import Error, Transcript
from tests.page.conftest import Open
from tests.page.person import ask, press_microphone, until_words_are_heard
from tests.page.stand_in import StandIn

SIZES = [(360, 740), (740, 360), (768, 1024), (1024, 700), (1366, 768), (1920, 1080)]
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
CONTRAST = """() => {
  // Text colours against the ground that they stand on; surfaces are translucent, so they are laid over the ground.
  const probe = document.body.appendChild(document.createElement("i"));
  const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  const paint = (css) => {
    probe.style.color = css;
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = getComputedStyle(probe).color;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const over = ([r, g, b, a], under) => [r, g, b].map((v, i) => (v * a + under[i] * (255 - a)) / 255);
  const ground = paint("var(--ground)");
  const surface = over(paint("var(--surface)"), ground);
  const ratios = {};
  for (const name of ["text", "muted", "faint", "warm", "cool", "wrong"]) {
    for (const [where, below] of Object.entries({ ground, surface })) {
      const [a, b] = [light(paint(`var(--${name})`)), light(below)].sort((x, y) => y - x);
      ratios[`${name} on ${where}`] = (a + 0.05) / (b + 0.05);
    }
  }
  probe.remove();
  return ratios;
}"""


FOCUS = """() => {
  const at = document.activeElement;
  if (at === document.body) return null;
  const text = (at.labels?.[0] ?? at.querySelector("span") ?? at).textContent.trim();
  const name = at.getAttribute("aria-label") || text;
  // The question line shows its focus on the composer, a look on its swatch.
  const marked = [at, at.nextElementSibling].some((e) => e && getComputedStyle(e).outlineStyle !== "none");
  const framed = getComputedStyle(document.getElementById("composer")).boxShadow.includes("3px");
  return [at.id || name, name, marked || (at.id === "question" && framed)];
}"""
# Everything that must be reached stands whole within the window, below the header and one part below the other.
CROWDED = """() => {
  const { clientHeight, scrollHeight } = document.documentElement;
  const box = (part) => document.querySelector(part).getBoundingClientRect();
  const wrong = scrollHeight > clientHeight ? [`${scrollHeight} px in a window of ${clientHeight}`] : [];
  const parts = [...document.querySelectorAll("#stage, #notices, #composer, #mute, #chips button, .behind")];
  for (const part of parts.filter((p) => p.checkVisibility() && p.getBoundingClientRect().height)) {
    const { top, bottom } = part.getBoundingClientRect();
    if (bottom > clientHeight) wrong.push(`${part.id || part.className || part.textContent} ends at ${bottom}`);
    if (innerWidth < 576 || innerHeight > 520) if (top < box(".bar").bottom) wrong.push(`${part.id} begins at ${top}`);
  }
  const [face, ask, talk] = ["#stage", ".ask", ".talk"].map(box);
  if (face.height < 80) wrong.push(`a face of ${face.height} px`);
  if (Math.abs(face.width - face.height) > 1) wrong.push("a face that is no square");
  if (face.bottom > ask.top && face.right > ask.left) wrong.push("a face over the question line");
  if (document.querySelector(".turn") && talk.height < 48) wrong.push(`a conversation of ${talk.height} px`);
  return wrong;
}"""
COLOURS = """() => {
  const pen = Object.assign(document.createElement("canvas"), { width: 64, height: 64 }).getContext("2d");
  pen.drawImage(document.getElementById("face"), 0, 0, 64, 64);
  const { data } = pen.getImageData(0, 0, 64, 64);
  const coarse = (i) => data.slice(4 * i, 4 * i + 3).map((v) => v >> 4).join();
  return new Set(Array.from({ length: 4096 }, (_, i) => coarse(i))).size;
}"""


def until_the_face_is_lit(page: Page) -> None:
    page.wait_for_function("() => getComputedStyle(document.getElementById('face')).opacity === '1'")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_screen(open_page: Open, artifacts: Path, width: int, height: int) -> None:
    """Nothing sticks out sideways; face, question line and controls are on the screen, before and during an answer."""
    page = open_page(width=width, height=height)
    assert page.evaluate(OVERFLOW) == 0
    until_the_face_is_lit(page)
    page.screenshot(path=artifacts / f"{width}x{height}-first.png")
    ask(page)
    until_words_are_heard(page, 14)
    assert page.evaluate(OVERFLOW) == 0
    for part in ("#stage", "#composer", "#mic", "#send", "#stop", "#sound", "#theme"):
        box = page.locator(part).bounding_box()
        assert box is not None, part
        assert box["x"] >= 0, part
        assert box["y"] >= 0, part
        assert box["x"] + box["width"] <= width, part
        assert box["y"] + box["height"] <= height, part
    face = page.locator("#stage").bounding_box()
    assert face is not None
    assert abs(face["width"] - face["height"]) < 1
    assert face["width"] >= 0.55 * min(width, height)
    page.screenshot(path=artifacts / f"{width}x{height}-speaking.png")


@pytest.mark.parametrize(("width", "height"), [(360, 740), (740, 360), (1366, 768)])
def test_a_microphone_in_use(open_page: Open, stand_in: StandIn, artifacts: Path, width: int, height: int) -> None:
    """What belongs to it, and the person's words beside the captions, have their place on every screen."""
    page = open_page(width=width, height=height)
    stand_in.grow_ears()
    press_microphone(page)
    expect(page.get_by_label("Which microphone")).to_be_visible()
    ask(page)
    until_words_are_heard(page, 6)
    live = stand_in.only()
    said = "and how do I add my own documents to it"
    stand_in.emit(Transcript(session=live.id, turn=live.turn, text=said, final=False))
    expect(page.locator("#saying")).to_have_text(said)
    assert page.evaluate(OVERFLOW) == 0
    screen = page.locator("#stage").bounding_box()
    words, captions = (page.locator(part).bounding_box() for part in ("#saying", "#captions"))
    assert screen is not None
    assert words is not None
    assert captions is not None
    assert words["y"] >= screen["y"]
    assert words["y"] + words["height"] <= captions["y"]
    for part in ("#composer", "#mute", "#devices"):
        box = page.locator(part).bounding_box()
        assert box is not None, part
        assert box["x"] >= 0, part
        assert box["x"] + box["width"] <= width, part
        assert box["y"] + box["height"] <= height, part
    page.screenshot(path=artifacts / f"{width}x{height}-talking.png")


@pytest.mark.parametrize(
    ("width", "height"), [(390, 844), (360, 640), (360, 400), (740, 360), (1024, 600), (1280, 860), (1280, 720)]
)
def test_nothing_pushes_anything_off(
    open_page: Open, stand_in: StandIn, artifacts: Path, width: int, height: int
) -> None:
    """With the microphone on, a notice, an answer and all that is behind it, the face gives way: the rest is there."""
    stand_in.answer = "It works. You heard it."
    page = open_page(width=width, height=height, reduced_motion="reduce")
    stand_in.grow_ears()
    press_microphone(page)
    expect(page.get_by_label("Which microphone")).to_be_visible()
    if height > 400:  # so low, first questions are scrolled to
        assert page.evaluate(CROWDED) == []
    page.screenshot(path=artifacts / f"{width}x{height}-microphone.png")
    ask(page)
    expect(page.locator("#glance")).to_contain_text("203 ms")
    assert page.evaluate(CROWDED) == []
    if height > 400:
        stand_in.emit(
            Error(session=stand_in.only().id, title="No voice.", detail="Start the tts service and ask again.")
        )
        expect(page.locator(".notice")).to_be_visible()
        assert page.evaluate(CROWDED) == []
    if page.locator("#behind summary").is_visible():
        page.locator("#behind summary").click()
        expect(page.locator(".step")).to_have_count(7)
        assert page.evaluate(CROWDED) == []
    page.screenshot(path=artifacts / f"{width}x{height}-behind.png")


@pytest.mark.parametrize("width", [390, 900, 1024, 1280, 1366])
def test_the_figures_at_a_glance_are_whole(open_page: Open, stand_in: StandIn, width: int) -> None:
    """The folded panel's line shows the time to the voice and the frame rate, neither cut off, on one line."""
    stand_in.answer = "It works. You heard it."
    page = open_page(width=width, height=860)
    line = page.locator("#behind summary")
    ask(page)
    expect(page.locator("#glance")).to_have_text(re.compile(r"203 ms · \d+ fps"))
    line_box, glance = line.bounding_box(), page.locator("#glance").bounding_box()
    assert line_box is not None
    assert glance is not None
    assert glance["x"] + glance["width"] <= line_box["x"] + line_box["width"]
    assert line_box["height"] < 50
    assert page.evaluate("() => ((g) => g.scrollWidth - g.clientWidth)(document.getElementById('glance'))") == 0


def test_the_largest_screen(open_page: Open, artifacts: Path) -> None:
    """On a very large screen the face grows along and stays whole."""
    page = open_page(width=2560, height=1440)
    assert page.evaluate(OVERFLOW) == 0
    face = page.locator("#stage").bounding_box()
    assert face is not None
    assert 1000 <= face["width"] <= 1440
    until_the_face_is_lit(page)
    page.screenshot(path=artifacts / "2560x1440-first.png")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_light_and_dark(open_page: Open, artifacts: Path, scheme: str) -> None:
    """Both themes follow the system, keep text readable (WCAG AA) and show a face that is not blank."""
    page = open_page(width=1440, height=900, scheme=scheme)
    assert {k: round(v, 2) for k, v in page.evaluate(CONTRAST).items() if v < 4.5} == {}
    ask(page)
    expect(page.locator(".source")).to_have_count(2)
    page.locator("#behind summary").click()
    page.screenshot(path=artifacts / f"{scheme}-speaking.png")
    page.wait_for_function("() => flashback.state === 'listening'")
    expect(page.locator(".step")).to_have_count(7)
    page.screenshot(path=artifacts / f"{scheme}-answered.png")
    assert page.evaluate(COLOURS) > 100


def test_the_theme_can_be_chosen(page: Page) -> None:
    """The toggle turns the theme over, says what it does, and outlives a reload."""
    ground = "() => getComputedStyle(document.documentElement).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Use the light theme").click()
    light = page.evaluate(ground)
    assert light != dark
    page.reload()
    assert page.evaluate(ground) == light
    page.get_by_role("button", name="Use the dark theme").click()
    assert page.evaluate(ground) == dark


def test_everything_is_reached_by_keyboard(page: Page) -> None:
    """Tab visits every control in reading order, each with a name and a focus that can be seen."""
    page.get_by_role("radio", name="studio").focus()
    visited: list[tuple[str, str, bool]] = []
    while len(visited) < 20:
        seen = page.evaluate(FOCUS)
        if seen is None:
            break
        visited.append(seen)
        page.keyboard.press("Tab")
    assert [v[0] for v in visited] == [
        "studio",
        "sound",
        "theme",
        "mic",
        "question",
        "What is FlashbackAvatars?",
        "How do I add my own documents?",
        "Can I interrupt you?",
        "Behind the answer",
    ]
    assert all(name and marked for _, name, marked in visited), visited


def test_calm_for_those_who_want_it(open_page: Open) -> None:
    """With reduced motion nothing moves by itself, in any state."""
    moving = "() => document.getAnimations().filter((a) => a instanceof CSSAnimation).length"
    page = open_page(reduced_motion="reduce")
    assert page.evaluate(moving) == 0
    ask(page)
    until_words_are_heard(page, 3)
    assert page.evaluate(moving) == 0
    assert page.evaluate("() => document.getElementById('stage').style.getPropertyValue('--light')") == ""


def test_nothing_comes_from_elsewhere(open_page: Open, stand_in: StandIn) -> None:
    """Every request of the page goes to the server that it came from."""
    page = open_page(joins=False)
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.reload()
    page.wait_for_function("() => window.flashback?.state === 'listening'")
    assert {host for host in hosts if host} == {urlsplit(stand_in.url).netloc}
