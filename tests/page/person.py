"""What a person does with the page."""

from playwright.sync_api import Page


def ask(page: Page, text: str = "What is FlashbackAvatars?") -> None:
    page.get_by_label("Your question").fill(text)
    page.keyboard.press("Enter")


def until_words_are_heard(page: Page, words: int) -> None:
    """Of the newest answer, as the conversation shows it."""
    page.wait_for_function(
        "(n) => (document.querySelector('.turn:last-child .heard')?.textContent.split(' ').length ?? 0) >= n", arg=words
    )


def press_microphone(page: Page) -> None:
    page.get_by_role("button", name="Microphone", exact=True).click()


def hold_space(page: Page) -> None:
    page.locator("body").click(position={"x": 5, "y": 400})  # nothing is pressed or typed into there
    page.keyboard.down("Space")
