"""Whatever stands beside a good record on a page, it arrives exactly once; everything else is a dead letter.

Two hundred generated pages, with `--whole` ten thousand: over HTTP, through decoder, acceptance, splitting and the
form batches travel in, into a real database, delivered twice.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
import trio
from attrs import define
from hypothesis import HealthCheck, given, seed, settings

from adapters.queues.codec import decode, encode
from adapters.sinks.sqlite import open_database
from adapters.sources.collector import CollectorOptions, open_source
from engine.acceptance import Rules
from engine.delivery import Cursor, Intake
from engine.intake import prepare
from tests.collector import Collector, running_collector
from tests.faults.hostile_pages import KEPT, KINDS, Element, body_of, pages
from tests.faults.report import Result, note

PAGES = 200
SHORT, WHOLE = range(1), range(50)
BATCH_SIZE = 5


@define
class Stage:
    """A collector that serves one page after the other, and a database file."""

    collector: Collector
    file: Path

    def bring(self, elements: list[Element]) -> Intake:
        """Serve a page, and write what it becomes, twice; the tables hold nothing else then."""
        self._clear()
        self.collector.misbehave("body", value=body_of(elements).decode("utf-8", "surrogateescape"))
        return trio.run(self._bring)

    async def _bring(self) -> Intake:
        async with open_source(CollectorOptions("one", self.collector.url)) as source:
            page = await source.fetch(Cursor())
        intake = prepare(page, Rules(), BATCH_SIZE)
        async with open_database(f"sqlite:///{self.file}") as database, database.writer() as sink:
            for batch in (*intake.batches, *intake.batches):
                await sink.write([decode(encode(batch))], {})
        return intake

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What the database holds."""
        with closing(sqlite3.connect(self.file)) as connection:
            return connection.execute(query).fetchall()

    def _clear(self) -> None:
        with closing(sqlite3.connect(self.file)) as connection, connection:
            connection.execute("PRAGMA synchronous = OFF")
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                connection.execute(f"DELETE FROM {table}")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One for all pages."""
    with running_collector() as collector:
        yield Stage(collector, tmp_path_factory.mktemp("hostile") / "engine.db")


def check(stage: Stage, elements: list[Element], intake: Intake) -> None:
    """Each good record is a row exactly once, every other a dead letter with its bytes, and there is nothing else."""
    good = [element.row for element in elements if element.row is not None]
    letters = [original for (original,) in stage.rows("SELECT original FROM dead_letters")]
    assert Counter(letters) == Counter(element.text[:KEPT] for element in elements if element.row is None)
    tables = {str(name) for (name,) in stage.rows("SELECT name FROM sqlite_master WHERE name LIKE 'botnet_nodes_%'")}
    for kind in KINDS:
        seen = [(row.ip, row.seen_at) for row in good if row.kind == kind and not row.cleanup]
        cleaned: Mapping[str, str] = dict(sorted((r.ip, r.seen_at) for r in good if r.kind == kind and r.cleanup))
        if f"botnet_nodes_{kind}" not in tables:
            assert not seen
            assert not cleaned
            continue
        rows = stage.rows(f"SELECT ip, communication_time FROM botnet_communications_{kind}")
        assert sorted(rows) == sorted(set(seen))
        nodes = stage.rows(f"SELECT ip, communication_count, cleaned_time FROM botnet_nodes_{kind}")
        counts = Counter(ip for ip, _ in set(seen))
        assert sorted(nodes, key=str) == sorted(
            [(ip, counts[ip], cleaned.get(ip)) for ip in {*counts, *cleaned}], key=str
        )
    assert tables <= {f"botnet_nodes_{kind}" for kind in KINDS}
    assert sum(batch.size for batch in intake.batches) == len(elements)
    assert all(batch.size <= BATCH_SIZE for batch in intake.batches)
    sequences = [mark.sequence for mark in intake.marks]
    assert sequences == sorted(set(sequences))
    assert intake.end.sequence == max(sequences, default=0)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One seed, or all of them."""
    if "number" in metafunc.fixturenames:
        metafunc.parametrize("number", WHOLE if metafunc.config.getoption("--whole", default=False) else SHORT)


@pytest.mark.timeout(400)
def test_no_good_record_is_lost_whatever_stands_beside_it(
    number: int, stage: Stage, pytestconfig: pytest.Config
) -> None:
    """Rows, counters and dead letters of every generated page are exact."""
    brought: Counter[str] = Counter()

    @seed(number)
    @settings(
        max_examples=PAGES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(pages())
    def bring(elements: list[Element]) -> None:
        check(stage, elements, stage.bring(elements))
        brought.update(pages=1, good=sum(element.row is not None for element in elements), records=len(elements))

    began = time.monotonic()
    bring()
    scenario = f"{PAGES} generated pages of hostile records, each delivered twice"
    note(pytestconfig, Result("hostile", scenario, f"pages-{number}", [], time.monotonic() - began, runs=PAGES))
    assert brought["pages"] >= PAGES
    assert brought["records"] > brought["good"] > brought["records"] // 10
