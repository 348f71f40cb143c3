"""Very many sources and workers, with the longest of names: the page stays readable, whole, and cheap."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Opened
from tests.browser.scene import sighting
from tests.collector.process import collector_process
from tests.engine_process import EngineProcess, write_config
from tests.mmdb import write_mmdb
from tests.servers.ports import free_port

SOURCES, WORKERS = 100, 64
AWAY = 77
NAME_LENGTH = 64
TYPE = "a_type_of_botnet_that_has_a_long_name_01"
NETWORK = {"country": "GB", "asn": 4_200_000_000, "as_name": "The Name of an Operator that nobody can shorten " * 2}
COUNT_FORMATS = """
    window.made = 0;
    const counted = { construct: (Format, options) => { window.made += 1; return new Format(...options); } };
    for (const kind of ["NumberFormat", "DateTimeFormat", "DisplayNames"]) Intl[kind] = new Proxy(Intl[kind], counted);
"""
SHOWN_AGAIN = """async (times) => {
    const changes = () => new Promise((tell) => new MutationObserver((_, watch) => { watch.disconnect(); tell(); })
        .observe(document.getElementById("engine"), { childList: true, characterData: true, subtree: true }));
    for (let time = 0; time < times; time += 1) await changes();
}"""
MOVED = """document.getAnimations().map((one) => one.effect)
    .filter((effect) => effect.getTiming().iterations === Infinity)
    .flatMap((effect) => effect.getKeyframes().flatMap((frame) => Object.keys(frame)))"""
OVER = """(all, width) => all.filter((one) => one.getBoundingClientRect().right > width).map((one) => one.outerHTML)"""
DESCRIBING = {"offset", "computedOffset", "easing", "composite"}


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of an engine with very many sources, one of which cannot be reached."""
    folder, page = tmp_path_factory.mktemp("crowd"), f"127.0.0.1:{free_port()}"
    mmdb = write_mmdb(folder / "networks.mmdb", {"45.0.0.0/8": NETWORK})
    with collector_process() as collector:
        sources: list[dict[str, object]] = [
            {"name": name(number), "url": url_of(number, collector.url), "pull_interval_seconds": 5}
            for number in range(SOURCES)
        ]
        write_config(folder, worker={"worker_count": WORKERS}, enrichment={"mmdb": [str(mmdb)]}, source=sources)
        collector.add(sighting(f"45.1.{number}.250", TYPE) for number in range(100, 140))
        collector.add(sighting(f"10.0.0.{number}", TYPE) for number in range(1, 5))
        with EngineProcess(folder, environ={"ENGINE_STATUS__ADDRESS": page}) as engine:
            engine.wait_for("status page")
            yield f"http://{page}/"


def name(number: int) -> str:
    """As long as one may be."""
    return f"sinkhole-{number:03}-of-a-collector-that-has-a-very-long-name".ljust(NAME_LENGTH, "x")


def url_of(number: int, url: str) -> str:
    """One collector passes for all of them but one."""
    return f"http://127.0.0.1:{free_port()}" if number == AWAY else f"{url}/as/{number}"


@pytest.mark.parametrize("width", [1280, 375])
def test_all_of_it_is_readable(crowded: str, opened: Opened, width: int) -> None:
    """Both lists scroll within their sections, also by keyboard; what is in trouble stands first; nothing spills."""
    page = opened(of=crowded, viewport={"width": width, "height": 800}, bypass_csp=True)
    expect(page.locator("#sources-sum")).to_have_text("100 in all: waiting 99 · unreachable 1")
    expect(page.locator("#workers-sum")).to_have_text("64 in all: idle 64")
    expect(page.locator("#sources article")).to_have_count(SOURCES)
    expect(page.locator("#sources article").first).to_contain_text(name(AWAY))
    expect(page.locator("#newest tr").first).to_contain_text(TYPE)
    for section in page.locator(".crew").all():
        assert section.evaluate("section => section.offsetHeight") < 800
        section.get_by_role("group").press("End")
        expect(section.locator(":is(article, #workers tr)").last).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("body *:not(.unseen)").evaluate_all(OVER, width) == []
    addresses = page.locator("#newest code").evaluate_all("all => all.map((code) => code.getClientRects().length)")
    assert set(addresses) == {1}
    assert [fault["id"] for fault in Axe().run(page).response["violations"]] == []


def test_a_second_costs_little(crowded: str, opened: Opened) -> None:
    """What takes long to make is made once, and nothing that moves for ever has to be painted for every frame."""
    page = opened(of=crowded, script=COUNT_FORMATS)
    expect(page.locator("#sources article")).to_have_count(SOURCES)
    page.evaluate(SHOWN_AGAIN, 1)
    before = page.evaluate("made")
    page.evaluate(SHOWN_AGAIN, 2)
    assert page.evaluate("made") - before < SOURCES
    assert set(page.evaluate(MOVED)) - DESCRIBING == {"transform", "opacity"}
