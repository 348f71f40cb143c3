"""python -m tests.browser.screenshots: the pictures in `docs/`, of a real engine with invented sightings at work.

A collector gives sightings of all over the world at a rate that swells and ebbs, Redis and MariaDB keep them, and the
names of the networks are made up. After `--seconds` the page is photographed, light and dark, and `top` is drawn.
"""

import argparse
import math
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import StringIO
from pathlib import Path

import httpx
from playwright.sync_api import expect, sync_playwright
from rich.console import Console

from adapters.sources import demo_records
from adapters.status.client import picture_of
from engine.screen import screen
from tests.browser.scene import TOKEN
from tests.collector.process import CollectorProcess, collector_process
from tests.engine_process import EngineProcess, write_config
from tests.mmdb import write_mmdb
from tests.servers.mariadb import MariaDbServer
from tests.servers.ports import free_port
from tests.servers.programs import need_program
from tests.servers.redis import RedisServer

FOLDER = Path(__file__).parents[2] / "docs"
WIDTH, HEIGHT, SCALE, COLUMNS = 1080, 1400, 0.85, 118
DOCUMENTATION_ASN = 64496
NAMES = ("Example Telecom", "Sample Broadband", "Specimen Mobile", "Test Cable", "Model Fibre", "Pattern Net")
RECORDS_PER_SECOND = 7000
SWELL_SECONDS = 48


def main() -> None:
    """Run the engine, and write the pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("--seconds", type=int, default=240, help="how long the engine works before")
    parser.add_argument("--to", type=Path, default=FOLDER, help="where the pictures go")
    options = parser.parse_args()
    options.to.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, working(Path(folder)) as (url, collector):
        feed(collector, options.seconds)
        draw_top(url, options.to / "top.svg")
        for scheme in ("light", "dark"):
            photograph(url, scheme, options.to / f"page-{scheme}.png")


@contextmanager
def working(folder: Path) -> Iterator[tuple[str, CollectorProcess]]:
    """An engine at work; where its page is, and the collector it pulls from."""
    port = free_port()
    for name in ("redis", "mariadb"):
        (folder / name).mkdir()
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer(folder / "redis"))
        mariadb = stack.enter_context(MariaDbServer(folder / "mariadb"))
        collector = stack.enter_context(collector_process())
        write_config(
            folder,
            worker={"worker_count": 2},
            queue={"url": redis.url},
            database={"url": mariadb.url("botnet")},
            enrichment={"mmdb": [str(networks(folder))]},
            status={"token": TOKEN},
            source=[{"name": "sinkhole-1", "url": collector.url, "pull_interval_seconds": 0.5}],
        )
        stack.enter_context(EngineProcess(folder, environ={"ENGINE_STATUS__ADDRESS": f"127.0.0.1:{port}"}))
        yield f"http://127.0.0.1:{port}/", collector


def networks(folder: Path) -> Path:
    """Made-up names for the networks that the demo's sightings come from; the country stays the built-in one."""
    prefixes = [prefix for prefix in demo_records._NETWORKS if "." in prefix]
    records = {
        f"{prefix}.0.0/16": {"asn": DOCUMENTATION_ASN + number % 16, "as_name": NAMES[number % len(NAMES)]}
        for number, prefix in enumerate(prefixes)
    }
    return write_mmdb(folder / "networks.mmdb", records)


def feed(collector: CollectorProcess, seconds: int) -> None:
    """Give the collector sightings, each second as many as its turn in the swell asks for."""
    began, start = time.monotonic(), int(time.time())
    for second in range(seconds):
        share = 1.2 + math.cos(2 * math.pi * second / SWELL_SECONDS)
        numbers = [
            demo_records.numbered(start + second, slot, is_day=False)
            for slot in range(round(RECORDS_PER_SECOND * share))
        ]
        collector.add(demo_records.record(number, 0) for number in numbers)
        time.sleep(max(0.0, began + second + 1 - time.monotonic()))  # a rate is what this is about


def draw_top(url: str, path: Path) -> None:
    """What `python -m engine top` shows, as SVG that asks nobody for a font."""
    picture = picture_of(httpx.get(f"{url}api/status").content, url)
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(screen(picture, COLUMNS))
    drawn = console.export_svg(title="python -m engine top", unique_id="top")
    path.write_text(re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL))


def photograph(url: str, scheme: str, path: Path) -> None:
    """The upper part of the page."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=need_program("chromium"))
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme="dark" if scheme == "dark" else "light",
            locale="en",
            device_scale_factor=SCALE,
            reduced_motion="reduce",
        )
        page.goto(url)
        expect(page.locator("#map path")).not_to_have_count(0)
        expect(page.locator("main")).to_have_attribute("aria-busy", "false")
        page.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    main()
