"""The collector source against a real collector: paging, resets, confirms, refusals, TLS."""

import ssl
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.sources.collector import CollectorOptions, CollectorSource, open_source
from engine.delivery import Cursor, Page, Unreadable
from engine.errors import ConfigError, UnavailableError
from tests.collector import Collector, Verbatim, running_collector

CERTIFICATES = Path(__file__).parent.parent / "collector" / "certificates"


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that asks for a key."""
    with running_collector(api_key="secret") as running:
        yield running


def sighting(number: int) -> dict[str, object]:
    """A record that differs from every other."""
    return {"ip": f"8.8.{number // 250}.{number % 250}", "timestamp": "2026-11-20T00:00:01", "botnet_type": "ramnit"}


def opened(collector: Collector, limit: int = 5000, **options: object) -> AbstractAsyncContextManager[CollectorSource]:
    """The source on this collector."""
    chosen = {"api_key": "secret", "pull_limit": limit, "timeout_seconds": 10.0, **options}
    return open_source(CollectorOptions(name="one", url=collector.url, **chosen))  # type: ignore[arg-type]  # mixed types


async def read_on(source: CollectorSource, cursor: Cursor) -> list[Page]:
    """Every page from here to where nothing is new."""
    pages = [await source.fetch(cursor)]
    while pages[-1].more:
        pages.append(await source.fetch(pages[-1].end))
    return pages


def ips(pages: list[Page]) -> list[object]:
    """The addresses of all records, in order."""
    return [record.ip for page in pages for record in page.records if not isinstance(record, Unreadable)]


async def test_every_record_is_brought_once_and_in_order(collector: Collector) -> None:
    """Pages follow each other over gaps in the numbers, without hole or overlap."""
    collector.spool.gap_every = 7
    collector.add(sighting(number) for number in range(1000))
    async with opened(collector, limit=99) as source:
        pages = await read_on(source, Cursor())
    assert ips(pages) == [sighting(number)["ip"] for number in range(1000)]
    assert pages[-1].end.sequence == collector.spool.global_highest
    assert len(pages) == 11


async def test_only_reading_requests_are_sent(collector: Collector) -> None:
    """No pull confirms, and the page and its sentinel fit into what a collector gives at most."""
    collector.add(sighting(number) for number in range(10))
    async with opened(collector) as source:
        page = await source.fetch(Cursor())
        await source.fetch(page.end)
    assert collector.pulls == ["limit=4999&confirm=false", "limit=5000&confirm=false&since_seq=9"]
    assert collector.spool.confirms == []


@pytest.mark.parametrize("path", ["", "/", "/api", "/api/"])
async def test_the_url_may_name_the_api_path_or_not(collector: Collector, path: str) -> None:
    """All four ways of writing it reach the collector."""
    collector.add([sighting(1)])
    async with open_source(CollectorOptions("one", collector.url + path, "secret")) as source:
        assert len((await source.fetch(Cursor())).records) == 1


async def test_nothing_new_leaves_the_cursor(collector: Collector) -> None:
    """An empty page ends where it starts, before the first record and after the last."""
    async with opened(collector) as source:
        empty = await source.fetch(Cursor())
        assert (empty.records, empty.end, empty.more) == ([], Cursor(), False)
        collector.add([sighting(1)])
        page = await source.fetch(Cursor())
        again = await source.fetch(page.end)
    assert (list(again.records), again.end, again.more) == ([], page.end, False)


async def test_a_reset_collector_is_read_again_from_its_start(collector: Collector) -> None:
    """Whether its new numbers are below our cursor or beyond it: all comes under the next epoch, with a warning."""
    for count in (3, 20):
        collector.add(sighting(number) for number in range(10))
        async with opened(collector) as source:
            page = await source.fetch(Cursor(epoch=4))
            collector.spool.reset()
            collector.add(sighting(number) for number in range(100, 100 + count))
            with capture_logs() as logs:
                after = await source.fetch(page.end)
            assert len(ips([after])) == count
            assert after.end[:2] == (5, count)
            assert (await source.fetch(after.end)).records == []
        assert [entry["log_level"] for entry in logs] == ["warning"]
        collector.spool.reset()


async def test_a_collector_that_lost_everything_starts_a_new_epoch(collector: Collector) -> None:
    """With nothing to read, the cursor goes to the start of the next epoch."""
    collector.add([sighting(1)])
    async with opened(collector) as source:
        page = await source.fetch(Cursor())
        collector.spool.reset()
        assert (await source.fetch(page.end)).end == Cursor(1)


async def test_records_confirmed_by_somebody_else_are_noticed(collector: Collector) -> None:
    """Where the record at the cursor is gone, what is left is read again."""
    collector.add(sighting(number) for number in range(10))
    async with opened(collector) as source:
        page = await source.fetch(Cursor())
        collector.add([sighting(10)])
        collector.spool.confirm(10)
        after = await source.fetch(page.end)
    assert (ips([after]), after.end.epoch) == ([sighting(10)["ip"]], 1)


@pytest.mark.parametrize("limit", [5, 5000])
async def test_an_error_that_looks_like_an_empty_answer_is_no_reset(collector: Collector, limit: int) -> None:
    """The record at the cursor is looked for again, wherever in the collector's list it is."""
    collector.add(sighting(number) for number in range(20))
    async with opened(collector, limit=limit) as source:
        pages = await read_on(source, Cursor())
        collector.misbehave("empty")
        with pytest.raises(UnavailableError, match="asking again"):
            await source.fetch(pages[-1].end)
        assert (await source.fetch(pages[-1].end)).end == pages[-1].end


async def test_an_absurd_number_at_the_end_of_a_page_loses_nothing(collector: Collector) -> None:
    """Where a cursor went to a number that is none, all is read again, and no cursor goes there a second time."""
    absurd = Verbatim(
        b'{"ip": "9.9.9.9", "timestamp": "2026-11-20T00:00:01", "botnet_type": "x", "seq_id": 9000000000000000}'
    )
    collector.spool.add([b'{"ip": "8.8.8.8"}', absurd])
    async with opened(collector) as source:
        page = await source.fetch(Cursor())
        assert page.end.sequence == 9_000_000_000_000_000
        for _ in range(2):
            with pytest.raises(UnavailableError):
                await source.fetch(page.end)
        again = await source.fetch(page.end)
        assert again.end[:2] == (1, 1)
        collector.add([sighting(7)])
        after = await source.fetch(again.end)
    assert ips([again]) == ["8.8.8.8", "9.9.9.9"]
    assert ips([after]) == ["9.9.9.9", sighting(7)["ip"]]
    assert after.end[:2] == (1, 3)


async def test_broken_records_travel_with_their_page(collector: Collector) -> None:
    """They are unreadable with their bytes, their neighbours are read, and the cursor passes them all."""
    broken = Verbatim(b'{"ip": NaN, "seq_id": 2}')
    collector.spool.add([b'{"ip": "8.8.8.8"}', broken, b'{"ip": "8.8.4.4"}', b"17"])
    async with opened(collector) as source:
        page = await source.fetch(Cursor())
    assert [isinstance(record, Unreadable) for record in page.records] == [False, True, False, True]
    assert list(page.sequences) == [1, 2, 3, None]
    assert page.originals()[1] == broken
    assert page.end.sequence == 3


async def test_a_page_without_numbers_is_read_again_and_said_once(collector: Collector) -> None:
    """Its records come with every fetch, for no cursor can pass them, until one with a number follows."""
    collector.spool.add([Verbatim(b'{"ip": "8.8.8.8"}'), Verbatim(b'{"ip": "8.8.4.4", "seq_id": "x"}')])
    async with opened(collector) as source:
        with capture_logs() as logs:
            for _ in range(3):
                page = await source.fetch(Cursor())
                assert (ips([page]), page.end) == (["8.8.8.8", "8.8.4.4"], Cursor())
        assert [entry["event"] for entry in logs] == [logs[0]["event"]]
        assert "no record of this page has a usable number" in logs[0]["event"]
        collector.add([sighting(1)])
        assert (await source.fetch(Cursor())).end.sequence == 3


async def test_the_front_is_the_oldest_record_left(collector: Collector) -> None:
    """It is the first mark of the first page, moves with a confirm, and is None where nothing is left."""
    async with opened(collector) as source:
        assert await source.front() is None
        collector.add(sighting(number) for number in range(3))
        page = await source.fetch(Cursor())
        assert await source.front() == page.marks[0]
        assert await source.confirm(2)
        assert await source.front() == page.marks[2]
        assert collector.pulls[-1] == "limit=1&confirm=false"


@pytest.mark.parametrize(
    ("fate", "applied"),
    [("applied_then_dropped", 1), ("applied_then_500", 1), ("status", 0), ("failure", 0), ("dropped", 0), ("hang", 0)],
)
async def test_a_confirm_is_sent_once_whatever_becomes_of_it(collector: Collector, fate: str, applied: int) -> None:
    """Nobody knows is False, and nothing is sent again."""
    collector.add(sighting(number) for number in range(9))
    collector.misbehave(fate, on="confirm")
    async with opened(collector, timeout_seconds=0.5) as source:
        assert await source.confirm(2) is False
    assert len(collector.spool.confirms) == applied


async def test_a_late_confirm_is_answered_by_nobody_knows(collector: Collector) -> None:
    """It may still be applied after the source has given up on it."""
    collector.add(sighting(number) for number in range(9))
    collector.misbehave("late", on="confirm")
    async with opened(collector) as source:
        assert await source.confirm(2) is False
        assert collector.spool.stats()["total_pulled"] == 0
        collector.behave()
        while collector.spool.stats()["total_pulled"] == 0:
            await source.front()


async def test_a_confirm_does_not_follow_a_redirect(collector: Collector) -> None:
    """Nobody else is told to forget anything."""
    with running_collector() as other:
        other.add([sighting(1)])
        collector.misbehave("redirect", on="confirm", value=f"{other.url}/api/confirm")
        async with opened(collector) as source:
            assert await source.confirm(1) is False
        assert other.spool.confirms == []


@pytest.mark.parametrize(
    "body", ["{}", '{"success": 1}', "[]", "<html>", '{"success": true', '{"success": true, "x": NaN}']
)
async def test_only_a_clear_yes_confirms(collector: Collector, body: str) -> None:
    """Any other answer is nobody knows."""
    collector.misbehave("body", on="confirm", value=body)
    async with opened(collector) as source:
        assert await source.confirm(1) is False


async def test_a_confirm_that_was_surely_not_sent_says_so() -> None:
    """Without a connection it is unavailable, and may be sent again."""
    with running_collector() as gone:
        url = gone.url
    async with open_source(CollectorOptions("one", url)) as source:
        with pytest.raises(UnavailableError, match="cannot connect"):
            await source.confirm(1)


async def test_a_wrong_key_says_what_to_check(collector: Collector) -> None:
    """The message names api_key, and never shows it."""
    async with opened(collector, api_key="wrong-canary") as source:
        with pytest.raises(UnavailableError, match="check api_key") as refusal:
            await source.fetch(Cursor())
    assert "canary" not in str(refusal.value) + repr(source) + repr(source.endpoint)


async def test_tls_is_verified(tmp_path: Path) -> None:
    """An unknown authority is refused for pulls and confirms, a known one or no verification is let in."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATES / "server.pem")
    authority = str(CERTIFICATES / "authority.pem")
    with running_collector(api_key="secret", tls=tls) as secure:
        secure.add([sighting(1)])
        async with opened(secure) as source:
            with pytest.raises(UnavailableError, match="not trusted.*ca_file"):
                await source.fetch(Cursor())
            with pytest.raises(UnavailableError, match="not trusted"):
                await source.confirm(1)
        for options in ({"ca_file": authority}, {"verify_tls": False}):
            async with opened(secure, **options) as source:
                assert len((await source.fetch(Cursor())).records) == 1
                assert await source.confirm(0)


async def test_plain_http_where_tls_was_meant(collector: Collector) -> None:
    """The message says that it is TLS that failed."""
    async with open_source(CollectorOptions("one", collector.url.replace("http:", "https:"))) as source:
        with pytest.raises(UnavailableError, match="TLS failed"):
            await source.fetch(Cursor())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"url": "ftp://127.0.0.1"}, "url is not of the form"),
        ({"url": "http://"}, "url is not of the form"),
        ({"url": "http://127.0.0.1:99999"}, "url is not of the form"),
        ({"url": "http://user:canary@127.0.0.1"}, "no user"),
        ({"url": "http://127.0.0.1/?key=canary"}, "no user, query"),
        ({"api_key": "canary\nX-Other: 1"}, "api_key has characters"),
        ({"api_key": "canaryé"}, "api_key has characters"),
        ({"ca_file": "/nowhere/ca.pem"}, "ca_file /nowhere/ca.pem"),
    ],
)
async def test_options_that_cannot_work_are_refused_at_once(options: dict[str, str], says: str) -> None:
    """The refusal says which option, and shows no secret."""
    with pytest.raises(ConfigError, match=says) as refusal:
        async with open_source(CollectorOptions(**{"name": "one", "url": "http://127.0.0.1", **options})):  # type: ignore[arg-type]  # texts only
            pass
    assert "canary" not in str(refusal.value)


def test_options_do_not_show_the_key() -> None:
    """Nor does their repr."""
    assert "canary" not in repr(CollectorOptions("one", "http://127.0.0.1", "canary"))
    assert "None" in repr(CollectorOptions("one", "http://127.0.0.1"))


async def test_requests_are_not_logged(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """The HTTP library would write every URL to the log at level INFO."""
    with caplog.at_level("INFO"):
        async with opened(collector) as source:
            await source.fetch(Cursor())
    assert caplog.records == []
