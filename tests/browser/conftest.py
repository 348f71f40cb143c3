"""One browser and one engine for all tests of the page; every page that is opened is watched."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.scene import Scene, shown
from tests.servers.programs import need_program

PATIENCE_MILLISECONDS = 20_000

Opened = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    program = need_program("chromium")
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    # Once trio-asyncio is imported, by any test before, event loops are its own where nobody asks for asyncio's.
    asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=program)
            yield browser
            browser.close()
    finally:
        asyncio.set_event_loop_policy(None)


@pytest.fixture(scope="package")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A running engine."""
    with shown(tmp_path_factory.mktemp("shown")) as scene:
        yield scene


@pytest.fixture
def opened(browser: Browser, scene: Scene) -> Iterator[Opened]:
    """Opens the page in a context of its own with the given options, and waits for its first figures.

    `of` is where the page of another engine is; `script` runs before those of the page.

    In the end nothing may stand in the console as an error but refusals that a test is about, and nothing may have
    been asked of anybody but the engine.
    """
    wrong: list[str] = []
    contexts = []

    def open_page(*, of: str = scene.url, refusals_of: str | None = None, script: str = "", **options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(script)
        page.on("console", lambda said: hear(said, refusals_of))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith((of, "data:")) else wrong.append(asked.url))
        page.goto(of)
        expect(page.locator("main")).to_have_attribute("aria-busy", "false")
        return page

    def hear(said: ConsoleMessage, refusals_of: str | None) -> None:
        is_refusal = refusals_of is not None and refusals_of in said.location["url"]
        if said.type in {"error", "warning"} and not is_refusal:
            wrong.append(said.text)

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
