"""What every source promises (`engine.ports.Source`), on a collector and on both kinds of demo."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise

import pytest
import trio

from adapters.sources.collector import CollectorOptions, open_source
from adapters.sources.demo import serve_demo
from engine.delivery import Cursor, Mark, Page
from engine.ports import Source
from tests.collector import running_collector
from tests.collector.records import seeded_records

ENOUGH = 600
LIMIT = 250


def options(url: str) -> CollectorOptions:
    """A source with small pages."""
    return CollectorOptions("one", url, pull_limit=LIMIT, timeout_seconds=20.0)


@asynccontextmanager
async def collector_source() -> AsyncIterator[Source]:
    """A collector whose numbers have gaps, and some of whose records are broken or repeated."""
    with running_collector() as collector:
        collector.spool.gap_every = 9
        collector.add(seeded_records(ENOUGH, duplicates=0.1, broken=0.05))
        async with open_source(options(collector.url)) as source:
            yield source


@asynccontextmanager
async def finite_demo() -> AsyncIterator[Source]:
    """A finite day of the demo."""
    async with trio.open_nursery() as nursery:
        url = await nursery.start(serve_demo, ENOUGH)
        async with open_source(options(url)) as source:
            yield source
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def live_demo() -> AsyncIterator[Source]:
    """The demo's live stream, once it has produced enough."""
    async with trio.open_nursery() as nursery:
        url = await nursery.start(serve_demo, None, 20_000)
        async with open_source(options(url)) as source:
            while not (await first_pages(source, 3))[-1].more:
                pass
            yield source
        nursery.cancel_scope.cancel()


Opener = Callable[[], AbstractAsyncContextManager[Source]]
SOURCES: list[Opener] = [collector_source, finite_demo, live_demo]


@pytest.fixture(params=SOURCES, ids=lambda opener: opener.__name__)
def opener(request: pytest.FixtureRequest) -> Opener:
    """How to open the source under test; it has records, and more than one page of them."""
    chosen: Opener = request.param
    return chosen


async def first_pages(source: Source, count: int) -> list[Page]:
    """The first pages, or as many as there are."""
    pages = [await source.fetch(Cursor())]
    while pages[-1].more and len(pages) < count:
        pages.append(await source.fetch(pages[-1].end))
    return pages


async def test_the_newest_number_is_not_below_what_it_has(opener: Opener) -> None:
    """Never less beyond a page than there are records, whatever else it was asked meanwhile."""
    async with opener() as source:
        page = await source.fetch(Cursor())
        for _ in range(2):
            assert page.more
            await source.front()
            assert source.newest is not None
            behind = source.newest - page.end.sequence
            page = await source.fetch(page.end)
            assert 0 < len(page.marks) <= behind


async def test_a_page_is_whole(opener: Opener) -> None:
    """Its parts run parallel, its marks are its numbers, its end is its last mark, it tells when it was received."""
    async with opener() as source:
        assert source.name == "one"
        for page in await first_pages(source, 3):
            assert page.source == source.name
            assert len(page.records) == len(page.sequences) == len(page.originals()) > 0
            assert [mark.sequence for mark in page.marks] == [number for number in page.sequences if number is not None]
            assert page.end == Cursor(page.start.epoch, *page.marks[-1])
            assert len(page.received_at) == len("2026-11-20 00:00:01")


async def test_pages_follow_each_other(opener: Opener) -> None:
    """Following the cursor, every page begins above the one before it."""
    async with opener() as source:
        pages = await first_pages(source, 3)
    assert len(pages) == 3
    for before, after in pairwise(pages):
        assert after.start == before.end
        assert after.marks[0].sequence > before.end.sequence


async def test_the_same_cursor_gives_at_least_the_same_records(opener: Opener) -> None:
    """Reading changes nothing."""
    async with opener() as source:
        first, second = (await first_pages(source, 2))[:2]
        for page in (first, second):
            again = await source.fetch(page.start)
            assert list(again.records[: len(page.records)]) == list(page.records)
            assert list(again.marks[: len(page.marks)]) == list(page.marks)


async def test_the_front_moves_with_a_confirm_and_only_with_it(opener: Opener) -> None:
    """The oldest record is the first of the first page; told to forget three, the source goes on with the fourth."""
    async with opener() as source:
        page = await source.fetch(Cursor())
        for _ in range(2):
            assert await source.front() == page.marks[0]
        assert await source.confirm(3) is True
        assert await source.front() == page.marks[3]
        assert (await source.fetch(Cursor())).marks[0] == page.marks[3]


async def test_a_confirmed_source_is_read_on_from_its_cursor(opener: Opener) -> None:
    """While the record at the cursor is not confirmed, the next page is what it was."""
    async with opener() as source:
        page = await source.fetch(Cursor())
        after = await source.fetch(page.end)
        assert await source.confirm(len(page.marks) - 1) is True
        assert (await source.fetch(page.end)).marks[0] == after.marks[0]


async def test_a_source_that_lost_the_record_at_the_cursor_begins_an_epoch(opener: Opener) -> None:
    """With another fingerprint at the cursor, everything there is comes under the next epoch."""
    async with opener() as source:
        page = await source.fetch(Cursor())
        number, fingerprint = page.marks[5]
        after = await source.fetch(Cursor(3, number, fingerprint ^ 1))
        assert after.end.epoch == 4
        assert after.marks[0] == page.marks[0]


async def test_a_finite_source_comes_to_its_end() -> None:
    """All its records are brought, then a page without records that leaves the cursor; once confirmed, no front."""
    for finite in (collector_source, finite_demo):
        async with finite() as source:
            pages = await first_pages(source, 100)
            assert sum(len(page.records) for page in pages) == ENOUGH
            end = await source.fetch(pages[-1].end)
            assert (list(end.records), end.end, end.more) == ([], pages[-1].end, False)
            assert await source.confirm(ENOUGH) is True
            assert await source.front() is None


async def test_front_and_pages_agree_on_fingerprints(opener: Opener) -> None:
    """A mark is a number and a fingerprint, the same however the record is asked for."""
    async with opener() as source:
        page = await source.fetch(Cursor())
        assert isinstance(await source.front(), Mark)
        assert await source.front() in page.marks
