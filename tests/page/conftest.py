"""A browser, the stand-in, and a page that has joined."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.chromium import MICROPHONE, MICROPHONE_DENIED, QUIET, SOUND, SOUND_AFTER_A_GESTURE, hears
from tests.page.stand_in import StandIn
from tests.page.voice import write_speech

JOINED = "() => window.flashback?.state === 'listening' && flashback.control"

Open = Callable[..., Page]


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """For this package's tests alone: while it is open, no asynchronous test can run."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def speech_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's microphone hears: speech and pauses."""
    return write_speech(tmp_path_factory.mktemp("voice") / "speech.wav")


@pytest.fixture(scope="package")
def browser(playwright: Playwright, speech_file: Path) -> Iterator[Browser]:
    """A browser with a microphone that it lends, and sound without a gesture."""
    yield from _launch(playwright, *MICROPHONE, hears(speech_file), SOUND)


@pytest.fixture(scope="package")
def strict_browser(playwright: Playwright) -> Iterator[Browser]:
    """A browser as people have it: no sound before a gesture; here without any microphone."""
    yield from _launch(playwright, SOUND_AFTER_A_GESTURE)


@pytest.fixture(scope="package")
def denying_browser(playwright: Playwright) -> Iterator[Browser]:
    """A browser whose person has said no to the microphone."""
    yield from _launch(playwright, *MICROPHONE_DENIED)


def _launch(playwright: Playwright, *flags: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=_chromium(), args=[*QUIET, *flags])
    yield browser
    browser.close()


def _chromium() -> str:
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("The page's tests need chromium on PATH.")
    return path


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    server = StandIn()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def open_page(browser: Browser, stand_in: StandIn) -> Iterator[Open]:
    yield from opener(browser, stand_in)


@pytest.fixture
def open_strict_page(strict_browser: Browser, stand_in: StandIn) -> Iterator[Open]:
    yield from opener(strict_browser, stand_in)


@pytest.fixture
def open_denied_page(denying_browser: Browser, stand_in: StandIn) -> Iterator[Open]:
    yield from opener(denying_browser, stand_in)


@pytest.fixture
def page(open_page: Open) -> Page:
    """A page that has joined; the face is there."""
    return open_page()


@pytest.fixture
def artifacts() -> Path:
    """Where pictures for people are kept."""
    folder = Path(os.environ.get("ARTIFACTS_DIR", ".run/artifacts")) / "page"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def opener(browser: Browser, stand_in: StandIn) -> Iterator[Open]:
    """Opens pages, each in a context of its own; afterwards no script may have failed."""
    contexts = []
    failures: list[str] = []

    def open_page(
        *,
        width: int = 1280,
        height: int = 800,
        scheme: str = "dark",
        init: str = "",
        path: str = "",
        permissions: list[str] | None = None,
        joins: bool = True,
        **options: object,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]  # a Literal there
            permissions=permissions,
            **options,  # type: ignore[arg-type]  # whatever else a context may have
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        if init:
            page.add_init_script(init)
        page.goto(stand_in.url + path)
        if joins:
            page.wait_for_function(JOINED)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not failures
