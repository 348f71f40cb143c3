"""Dead letters on the status page: seen by everybody, retried with the token only."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened
from tests.browser.scene import HOSTILE, RESERVED, TOKEN, Scene, sighting


def retry(page: Page, reason: str) -> None:
    """Click the button of the letter with this text."""
    page.locator("#letters tr").filter(has_text=reason).get_by_role("button").click()


def test_without_the_token_nothing_is_retried(scene: Scene, opened: Opened) -> None:
    """It is asked for; whoever has none leaves the letter where it is, and the engine itself refuses."""
    page = opened(refusals_of="/api/dead-letters/")
    letters = page.locator("#letters tr").count()
    retry(page, "reserved")
    expect(page.get_by_role("dialog", name="A token, please")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.request.post(f"{scene.url}api/dead-letters/1/retry").status == 401
    expect(page.locator("#letters tr")).to_have_count(letters)


def test_with_the_token_a_letter_is_retried(scene: Scene, opened: Opened) -> None:
    """A wrong token is refused and asked for again; the right one writes the record, and the letter is gone."""
    page = opened(refusals_of="/api/dead-letters/")
    letters = page.locator("#letters tr").count()
    retry(page, "reserved")
    page.get_by_role("textbox", name="Token").fill("not-the-token")
    page.get_by_role("textbox", name="Token").press("Enter")
    expect(page.get_by_text("That token was refused.")).to_be_visible()
    assert scene.nodes("mozi", RESERVED) == 0
    page.get_by_role("textbox", name="Token").fill(TOKEN)
    page.get_by_role("textbox", name="Token").press("Enter")
    expect(page.locator("#letters-message")).to_contain_text("is written")
    assert scene.nodes("mozi", RESERVED) == 1
    expect(page.locator("#letters tr")).to_have_count(letters - 1)
    expect(page.locator("#letters-count")).to_have_text(str(letters - 1))


def test_a_letter_that_stays_says_why(scene: Scene, opened: Opened) -> None:
    """What is refused again stays, with the reason; the token is asked for once a tab, and kept nowhere else."""
    page = opened(refusals_of="/api/dead-letters/")
    retry(page, HOSTILE)
    page.get_by_role("textbox", name="Token").fill(TOKEN)
    page.get_by_role("textbox", name="Token").press("Enter")
    message = page.locator("#letters-message")
    expect(message).to_contain_text("stays: botnet_type")
    retry(page, HOSTILE)
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(message).to_contain_text("stays: botnet_type")
    assert page.context.storage_state()["origins"] == []


def test_a_new_letter_moves_nobodys_finger(scene: Scene, opened: Opened) -> None:
    """Whoever stands on the button of a letter by the keyboard still does once a newer one is above it."""
    page = opened()
    first = page.locator("#letters tr").first
    button = first.get_by_role("button")
    button.focus()
    label = button.get_attribute("aria-label") or ""
    scene.collector.add([sighting("45.9.0.1", "No Such Type")])
    expect(first).to_contain_text("No Such Type")
    expect(page.get_by_role("button", name=label, exact=True)).to_be_focused()


def test_retried_by_the_keyboard_alone(scene: Scene, opened: Opened) -> None:
    """The dialog takes the focus and gives it back; after the answer it is where the answer stands."""
    page = opened(refusals_of="/api/dead-letters/")
    button = page.locator("#letters tr").filter(has_text=HOSTILE).get_by_role("button")
    button.press("Enter")
    expect(page.get_by_role("textbox", name="Token")).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    expect(page.locator("#letters-message")).to_contain_text("stays: botnet_type")
    expect(page.get_by_role("heading", name="Dead letters")).to_be_focused()
