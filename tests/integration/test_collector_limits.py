"""The collector source under answers that are damaged, too large or too slow: bounded memory and time, clear words."""

import gc
import gzip
from collections.abc import Iterator
from contextlib import suppress

import pytest
import trio

from adapters.sources.collector import CollectorOptions, open_source
from adapters.sources.collector_brackets import AnswerError
from engine.delivery import Cursor
from engine.errors import UnavailableError
from tests.collector import Collector, running_collector
from tests.resident import MEBIBYTE, forget_peak, peak

GIBIBYTE = 1024 * MEBIBYTE


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector with a hundred records."""
    with running_collector() as running:
        running.add({"ip": f"8.8.8.{number}", "timestamp": "2026-11-20T00:00:01"} for number in range(100))
        yield running


def options(collector: Collector, timeout_seconds: float = 20.0, pull_limit: int = 5000) -> CollectorOptions:
    """The source's options."""
    return CollectorOptions("one", collector.url, timeout_seconds=timeout_seconds, pull_limit=pull_limit)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_compressed_answers_are_read(collector: Collector, encoding: str) -> None:
    """They were not asked for, and are understood."""
    collector.misbehave(encoding)
    async with open_source(options(collector)) as source:
        assert len((await source.fetch(Cursor())).records) == 100


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        ("truncated", None, "broke off"),
        ("cut_json", None, "no complete list of records"),
        ("cut_gzip", None, "compressed answer breaks off"),
        ("damaged_gzip", None, "compressed answer is damaged"),
        ("encoding", "br", "encoding nobody asked for"),
        ("html", None, "<html><body>.*is url right"),
        ("redirect", "http://127.0.0.1:9/elsewhere", "redirects to http://127.0.0.1:9/elsewhere.*change url"),
        ("redirect", "http://[", "broke off|redirects"),
        ("status", 500, "HTTP 500.*database is locked"),
        ("status", 503, "HTTP 503"),
        ("failure", None, "database is locked"),
        ("drop", None, "broke off"),
    ],
)
async def test_an_answer_that_is_no_page_moves_nothing(
    collector: Collector, kind: str, value: str | float | None, says: str
) -> None:
    """One line names the collector and what came instead; the same call then succeeds."""
    collector.misbehave(kind, value=value)
    async with open_source(options(collector)) as source:
        with pytest.raises(UnavailableError, match=says) as refusal:
            await source.fetch(Cursor())
        assert f"collector one at {collector.url}" in str(refusal.value)
        assert "\n" not in str(refusal.value)
        assert len((await source.fetch(Cursor())).records) == 100


@pytest.mark.parametrize("kind", ["html", "cut_json"])
async def test_a_refused_answer_does_not_wait_for_garbage_collection(collector: Collector, kind: str) -> None:
    """It may have 64 MiB, and collections are rare: no error that is over has a traceback, for frames would hold it."""
    collector.misbehave(kind)
    async with open_source(options(collector)) as source:
        gc.collect()
        gc.disable()
        try:
            with suppress(UnavailableError):  # pytest.raises would keep it
                await source.fetch(Cursor())
            errors = [each for each in gc.get_objects() if isinstance(each, AnswerError)]
            holding = [error for error in errors if error.__traceback__ is not None]
        finally:
            gc.enable()
        assert holding == []


async def test_two_gibibytes_of_zeros_are_never_held(collector: Collector) -> None:
    """An answer of two megabytes that inflates to two gibibytes is given up at 64 MiB, within bounded memory."""
    collector.misbehave("inflate_bomb", value=2 * GIBIBYTE)
    async with open_source(options(collector)) as source:
        forget_peak()
        before = peak()
        with pytest.raises(UnavailableError, match="larger than 67108864 bytes"):
            await source.fetch(Cursor())
    assert peak() - before < 128 * MEBIBYTE


async def test_an_endless_answer_is_given_up(collector: Collector) -> None:
    """64 MiB on the wire are enough."""
    collector.misbehave("endless")
    async with open_source(options(collector)) as source:
        with pytest.raises(UnavailableError, match="larger than 67108864 bytes"):
            await source.fetch(Cursor())


@pytest.mark.parametrize(("kind", "value"), [("drip", 0.02), ("hang", None)])
async def test_a_request_takes_no_longer_than_its_timeout(collector: Collector, kind: str, value: float | None) -> None:
    """However slowly the bytes come, the total time is limited."""
    collector.misbehave(kind, value=value)
    async with open_source(options(collector, timeout_seconds=0.5)) as source:
        begun = trio.current_time()
        with pytest.raises(UnavailableError, match="within 0.5 s"):
            await source.fetch(Cursor())
        assert 0.4 < trio.current_time() - begun < 2.5


async def test_a_fetch_that_is_cancelled_ends_at_once(collector: Collector) -> None:
    """A hung collector does not hold a soft stop."""
    collector.misbehave("hang", times=None)
    async with open_source(options(collector)) as source:
        begun = trio.current_time()
        with trio.move_on_after(0.2) as scope:
            await source.fetch(Cursor())
    assert scope.cancelled_caught
    assert trio.current_time() - begun < 2.0


async def test_after_too_large_an_answer_half_as_many_are_asked_for(collector: Collector) -> None:
    """Down to one, and up again once answers fit."""
    async with open_source(options(collector, pull_limit=64)) as source:
        collector.misbehave("inflate_bomb", times=8, value=65 * MEBIBYTE)
        for expected in (32, 16, 8, 4, 2, 1, 1, 1):
            with pytest.raises(UnavailableError, match=f"asking for {expected} records next"):
                await source.fetch(Cursor())
        cursor = Cursor()
        sizes: list[int] = []
        while not sizes or sizes[-1]:
            page = await source.fetch(cursor)
            cursor = page.end
            sizes.append(len(page.records))
    assert sizes[:9] == [1, 1, 1, 1, 2, 2, 2, 2, 4]
    assert sum(sizes) == 100


async def test_after_an_answer_without_an_end_half_as_many_are_asked_for(collector: Collector) -> None:
    """What cuts off long answers lets short ones pass, and what stands before a record without an end arrives."""
    page = '{"success": true, "data": [{"ip": "8.8.8.8", "x": [}], "records": []}'
    async with open_source(options(collector, pull_limit=64)) as source:
        for kind, expected in (("cut_json", 32), ("body", 16)):
            collector.misbehave(kind, value=page)
            with pytest.raises(UnavailableError, match=f"no complete list.*asking for {expected} records next"):
                await source.fetch(Cursor())
        collector.misbehave("html")
        with pytest.raises(UnavailableError, match="well[?]$"):
            await source.fetch(Cursor())
        assert len((await source.fetch(Cursor())).records) == 16


async def test_a_collector_that_repeats_every_row_is_read(collector: Collector) -> None:
    """Twice as many rows as asked for are kept as records, with one mark a number."""
    collector.misbehave("duplicate")
    async with open_source(options(collector)) as source:
        page = await source.fetch(Cursor())
        assert (len(page.records), len(page.marks), page.end.sequence) == (200, 100, 100)
        assert (await source.fetch(page.end)).records == []


async def test_far_more_rows_than_asked_for_are_refused(collector: Collector) -> None:
    """More than 5001 rows are no page."""
    collector.misbehave("body", value='{"success": true, "data": [' + "{}, " * 5001 + "{}]}")
    async with open_source(options(collector)) as source:
        with pytest.raises(UnavailableError, match="5001"):
            await source.fetch(Cursor())


async def test_a_compressed_page_of_bytes_that_inflate_in_pieces_is_whole(collector: Collector) -> None:
    """An answer far larger than one piece arrives complete."""
    padding = "x" * 60_000
    collector.add({"ip": "8.8.4.4", "padding": f"{number}{padding}"} for number in range(60))
    collector.misbehave("gzip")
    async with open_source(options(collector)) as source:
        page = await source.fetch(Cursor())
    assert len(page.records) == 160
    assert len(gzip.compress(b"".join(page.originals()))) < MEBIBYTE < len(b"".join(page.originals()))
