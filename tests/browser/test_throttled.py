"""The sentence names the stage that is throttled, and the setting that would change it: a slow collector, look-up."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.browser.conftest import Opened
from tests.collector.process import collector_process
from tests.engine_process import EngineProcess, write_config
from tests.faults.proxy import Toxics
from tests.faults.proxy_thread import proxy_in_thread
from tests.servers.ports import free_port

RECORDS = 200_000
LATENCY_SECONDS = 0.5


@contextmanager
def throttled(
    folder: Path, *, latency_seconds: float = 0.0, module: str = "engine", pull_limit: int = 5_000
) -> Iterator[str]:
    """The page of an engine whose collector has much to give, and answers so late; `module` is what runs."""
    page = f"127.0.0.1:{free_port()}"
    with ExitStack() as stack:
        collector = stack.enter_context(collector_process("--generated", str(RECORDS)))
        proxy = stack.enter_context(proxy_in_thread(urlsplit(collector.url).port or 0))
        proxy.poison(Toxics(latency_seconds=latency_seconds))
        url = f"http://127.0.0.1:{proxy.port}"
        source = {"name": "sinkhole-1", "url": url, "pull_interval_seconds": 0.2, "pull_limit": pull_limit}
        write_config(folder, worker={"worker_count": 2, "enricher_concurrent": 5}, source=[source])
        environ = {"ENGINE_STATUS__ADDRESS": page}
        engine = stack.enter_context(EngineProcess(folder, environ=environ, module=module))
        engine.wait_for("status page")
        yield f"http://{page}/"


def expect_sentence(opened: Opened, url: str, case: str, said: tuple[str, str], setting: str | None) -> None:
    """Both languages say the same of what limits, English first."""
    for locale, words in zip(("en", "zh-CN"), said, strict=True):
        page = opened(of=url, locale=locale, refusals_of="/api/events")  # the engine ends first
        expect(page.locator("#sentence")).to_have_attribute("data-case", case)
        expect(page.locator("#sentence")).to_contain_text(words)
        expect(page.locator("#setting")).to_be_visible(visible=setting is not None)
        expect(page.locator("#setting-name")).to_have_text(setting or "")


def test_a_slow_collector_is_named(opened: Opened, tmp_path: Path) -> None:
    """It is pulled from all the time, and nothing here would make it faster."""
    with throttled(tmp_path, latency_seconds=LATENCY_SECONDS) as url:
        expect_sentence(opened, url, "source-slow", ("Fetching from sinkhole-1 takes", "从 sinkhole-1 拉取"), None)


def test_small_pulls_of_a_slow_collector_are_named(opened: Opened, tmp_path: Path) -> None:
    """Larger ones would change it."""
    said = "in pulls of 100 records", "每次 100 条"
    with throttled(tmp_path, latency_seconds=LATENCY_SECONDS, pull_limit=100) as url:
        expect_sentence(opened, url, "source-small", said, "source.pull_limit")


def test_a_slow_look_up_is_named(opened: Opened, tmp_path: Path) -> None:
    """Every address takes its time, and more of them at once would change it."""
    said = "looking up addresses", "查询地址"
    with throttled(tmp_path, module="benchmarks.waiting_engine") as url:
        expect_sentence(opened, url, "look-up-busy", said, "worker.enricher_concurrent")
