"""The status page of a really running engine, as somebody sees it who looks."""

import re
import signal

import pytest
from attrs import asdict
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from engine.bottleneck import limiting
from tests.browser.conftest import Opened
from tests.browser.scene import HOSTILE, Scene
from tests.unit.test_bottleneck import CASES

SHADED = re.compile(r"\bshade-[1-6]\b")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def total(page: Page, name: str) -> int:
    """One of the totals of this run."""
    group = page.locator("#totals div").filter(has=page.get_by_text(name, exact=True))
    return int((group.locator("dd").text_content() or "").replace(",", ""))


def test_numbers_move_while_records_come(scene: Scene, opened: Opened) -> None:
    """What the collector brings is in the totals, the rate, the newest sightings and the types, without a reload."""
    page = opened()
    before = total(page, "Settled")
    scene.bring(300, botnet_type="mirai")
    settled = page.locator("#totals dd").first
    expect(settled).to_have_text(f"{before + 300:,}")
    expect(page.locator("#rate-now")).not_to_have_text("0")
    expect(page.locator("#newest tr").first).to_contain_text("mirai")
    expect(page.locator("#types li").filter(has_text="mirai")).to_be_visible()
    expect(page.locator("#workers tr")).to_have_count(2)
    expect(page.locator("#sources article")).to_contain_text("sinkhole-1")


def test_the_map_fills(scene: Scene, opened: Opened) -> None:
    """A country has a shade once it was seen, one too small for an outline has a dot, and the list names both."""
    page = opened()
    scene.bring(20, of="45.10")
    scene.bring(20, of="45.12")
    expect(page.locator("path[data-country=DE]")).to_have_class(SHADED)
    expect(page.locator("circle[data-country=SG]")).to_have_class(SHADED)
    expect(page.locator("path[data-country=AQ], path[data-country=TD]")).to_have_class("land shade-0")
    expect(page.locator("#countries")).to_contain_text("Germany")
    expect(page.locator("#countries")).to_contain_text("Singapore")
    expect(page.get_by_role("img", name="World map:")).to_be_visible()


def test_the_sentence_names_the_stage_that_is_throttled(scene: Scene, opened: Opened) -> None:
    """While somebody holds the database, the sentence says so, spoken as well as seen, and the queue fills up."""
    page = opened()
    expect(page.locator("#sentence")).to_have_attribute("data-case", "nothing-waits")
    with scene.database_locked():
        scene.bring(200)
        expect(page.locator("#queue-state")).to_have_text("Full: fetching pauses until 3 are left.")
        expect(page.get_by_role("meter", name="batches wait")).to_have_attribute("aria-valuenow", re.compile("[1-9]"))
        expect(page.locator("#sentence")).to_have_attribute("data-case", re.compile("^database-"))
        expect(page.locator("#sentence")).to_contain_text("database")
        expect(page.locator("#announcement")).to_contain_text("database")
    expect(page.locator("#sentence")).to_have_attribute("data-case", "nothing-waits")


def test_what_strangers_wrote_is_text(scene: Scene, opened: Opened) -> None:
    """The name of a network and a botnet type that are markup stand there letter by letter, and do nothing."""
    page = opened()
    scene.bring(30, of="45.11")
    expect(page.locator("#networks")).to_contain_text(f"AS28573 {HOSTILE}")
    expect(page.locator("#letters")).to_contain_text(HOSTILE)
    assert page.locator("main :is(img, script, iframe)").count() == 0


def test_chinese_where_the_browser_prefers_it(opened: Opened) -> None:
    """Every word of the page is Chinese, and so are countries and the sentence."""
    page = opened(locale="zh-CN")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    for word in page.locator("[data-word]:not(:empty)").all():
        assert CHINESE.search(word.text_content() or ""), word.evaluate("element => element.outerHTML")
    expect(page.locator("#sentence")).to_have_text(CHINESE)
    expect(page.locator("#rate-minute")).to_be_visible()


def test_the_chosen_language_is_remembered(opened: Opened) -> None:
    """The switch wins over the browser, also after a reload, and says which language is on."""
    page = opened(locale="zh-CN")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Throughput now")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Throughput now")).to_be_visible()
    expect(page.get_by_role("button", name="English")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_every_sentence_is_said_in_chinese(opened: Opened) -> None:
    """Whatever limits throughput has a Chinese sentence, with the figures of the English one."""
    page = opened(locale="zh-CN")
    say = "limit => import('/static/sentence.js').then((all) => all.sentence(limit))"
    for load, knobs, *_ in CASES:
        limit = limiting(load, knobs)
        said = page.evaluate(say, asdict(limit))
        assert CHINESE.search(said), limit.case
        assert set(re.findall(r"\d+", said)) == set(re.findall(r"\d+", limit.sentence)), limit.case


def test_both_languages_have_the_same_words(opened: Opened) -> None:
    """And the same figures within them."""
    words: dict[str, dict[str, str]] = opened().evaluate("import('/static/words.js').then((all) => all.WORDS)")
    english, chinese = words["en"], words["zh"]
    assert english.keys() == chinese.keys()
    for name, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", chinese[name])), name


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_a_phone_shows_all_of_it(scene: Scene, opened: Opened, locale: str) -> None:
    """At 360 pixels nothing reaches beyond the edge."""
    page = opened(locale=locale, viewport={"width": 360, "height": 740})
    scene.bring(40, of="45.11")
    expect(page.locator("#networks")).to_contain_text(HOSTILE)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    beyond = "all => all.filter((one) => one.getBoundingClientRect().right > 360).map((one) => one.outerHTML)"
    assert page.locator("body *:not(.unseen)").evaluate_all(beyond) == []


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("locale", ["en", "zh-CN"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(scene: Scene, opened: Opened, scheme: str, locale: str, width: int) -> None:
    """Names, roles, landmarks and contrasts are right, light and dark, in both languages, wide and narrow."""
    viewport = {"width": width, "height": 900}
    page = opened(color_scheme=scheme, locale=locale, viewport=viewport, bypass_csp=True)
    scene.bring(10)
    expect(page.locator("#newest tr")).not_to_have_count(0)
    found = Axe().run(page)
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found.response["violations"]] == []
    retry = page.locator("#letters button").first
    retry.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found = Axe().run(page)
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found.response["violations"]] == []


def test_the_keyboard_goes_everywhere(opened: Opened) -> None:
    """The first stop skips to the figures; the table behind the chart opens by a key."""
    page = opened()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the figures")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Average, records/s")).to_be_visible()


def test_a_lost_connection_is_said_and_found_again(scene: Scene, opened: Opened) -> None:
    """An engine that is gone is not shown as if it ran; once it is back, its figures move again."""
    page = opened(refusals_of="/api/events")
    connection = page.get_by_role("status").filter(has_text="Live")
    expect(connection).to_be_visible()
    scene.engine.send(signal.SIGTERM)
    scene.engine.wait()
    expect(page.get_by_text("Connection lost, trying again …")).to_be_visible()
    scene.engine.start()
    expect(connection).to_be_visible()
    scene.bring(30)
    expect(page.locator("#totals dd").first).to_have_text("30")


def test_an_engine_that_hangs_counts_as_lost(scene: Scene, opened: Opened) -> None:
    """A frozen process keeps its connections open, and says nothing: the page notices the silence."""
    page = opened(refusals_of="/api/events")
    scene.engine.send(signal.SIGSTOP)
    try:
        expect(page.get_by_text("Connection lost, trying again …")).to_be_visible()
    finally:
        scene.engine.send(signal.SIGCONT)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
