"""The demo's sightings: plausible, the same for the same number, and going on where an earlier demo ended."""

import json
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address

import h11
import pytest
import trio

from adapters.sources.demo import serve_demo
from adapters.sources.demo_records import DAY_RECORDS, is_number, numbered, record, second_of
from adapters.sources.demo_spool import DemoSpool

NOON = 1_795_003_200.0  # 2026-11-18 12:00:00 UTC


def clock_at(*times: float) -> Callable[[], float]:
    """A clock that shows these times one after the other, then the last for ever."""
    waiting = list(times)
    return lambda: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def pulled(spool: DemoSpool, limit: int = 5000, since: int | None = None) -> list[dict[str, object]]:
    """The records of one pull; both lists are the same."""
    answer = json.loads(spool.pull(limit, since))
    assert answer["data"] == answer["records"]
    assert answer["count"] == len(answer["data"])
    return list(answer["data"])


def everything(spool: DemoSpool) -> list[dict[str, object]]:
    """All records there are now."""
    records = pulled(spool)
    page = records
    while page:
        page = pulled(spool, since=int(str(page[-1]["seq_id"])))
        records = records + page
    return records


def test_a_finite_day_is_plausible() -> None:
    """20,000 records of the last 24 hours: many networks, few botnet types, repeats, a few cleanups and broken ones."""
    records = everything(DemoSpool(DAY_RECORDS, 1, 0, clock_at(NOON)))

    numbers = [int(str(each["seq_id"])) for each in records]
    assert len(records) == DAY_RECORDS
    assert numbers == sorted(set(numbers))
    good = [each for each in records if str(each["botnet_type"]).isalpha() and str(each["timestamp"]) > "2026"]
    assert 0.995 < len(good) / len(records) < 1.0
    assert min(str(each["timestamp"]) for each in good) == "2026-11-17T12:00:00"
    assert max(str(each["timestamp"]) for each in good) < "2026-11-18T12:00:00"
    assert len({each["botnet_type"] for each in good}) == 6
    addresses = Counter(str(each["ip"]) for each in good if "ip" in each)
    assert 5_000 < len(addresses) < 16_000
    assert len({address.split(".")[0] for address in addresses}) > 50
    assert 0.05 < sum(":" in address for address in addresses) / len(addresses) < 0.3
    repeats = len(good) - len({(each.get("ip"), each["timestamp"]) for each in good})
    assert 100 < repeats < 600
    assert 30 < sum(each["log_type"] == "cleanup" for each in good) < 300


def test_all_addresses_are_public_but_the_broken_ones() -> None:
    """Every network of the table is one that an infected host may have."""
    records = everything(DemoSpool(DAY_RECORDS, 1, 3, clock_at(NOON)))
    strange = {str(each["ip"]) for each in records if "ip" in each} - {"999.1.1.1", "192.168.1.10"}
    assert all(ip_address(address).is_global for address in strange)


def test_the_live_stream_grows_with_time() -> None:
    """So many records a second, each of the second it came in; none before the first second is over."""
    spool = DemoSpool(None, 50, 0, clock_at(NOON, NOON, NOON + 3))
    assert pulled(spool) == []
    records = pulled(spool)
    assert len(records) == 150
    assert {str(each["timestamp"]) for each in records} >= {f"2026-11-18T12:00:0{second}" for second in range(3)}


def test_a_seed_decides() -> None:
    """The same seed says the same, another says something else."""
    days = [DemoSpool(50, 1, seed, clock_at(NOON)).pull(50, None) for seed in (1, 1, 2)]
    assert days[0] == days[1] != days[2]


@pytest.mark.parametrize("finite", [100, None])
@pytest.mark.parametrize("later", [100, None])
def test_a_demo_started_later_knows_the_record_at_the_cursor(finite: int | None, later: int | None) -> None:
    """After a restart, of whatever kind, the last record is found again, and after it come only new ones."""
    last = pulled(DemoSpool(finite, 50, 0, clock_at(NOON, NOON + 2)))[-1]
    number = int(str(last["seq_id"]))

    again = pulled(DemoSpool(later, 50, 0, clock_at(NOON + 5, NOON + 7)), since=number - 1)

    assert again[0] == last
    assert len(again) == 101
    assert all(int(str(each["seq_id"])) > number for each in again[1:])


def test_what_was_never_given_out_is_not_shown() -> None:
    """A reader at the very beginning, or with a number of its own making, gets nothing invented for it."""
    spool = DemoSpool(3, 1, 0, clock_at(NOON))
    assert len(pulled(spool, since=0)) == 3
    assert pulled(spool, since=numbered(int(NOON) + 10, 0, is_day=True) - 1) == []
    assert not is_number(numbered(int(NOON), 0, is_day=True) + 1, NOON)
    assert second_of(numbered(int(NOON), 7, is_day=False)) == int(NOON)


def test_confirmed_records_are_gone() -> None:
    """They are not served again, more than there are cannot be confirmed, and the counters say so."""
    spool = DemoSpool(10, 1, 0, clock_at(NOON))
    before = pulled(spool)
    spool.confirm(4)
    assert pulled(spool) == before[4:]
    spool.confirm(-5)
    spool.confirm(100)
    assert pulled(spool) == []
    assert (spool.stats()["cached_records"], spool.stats()["total_pulled"]) == (0, 10)


def test_every_record_is_json_with_its_number() -> None:
    """The broken ones too: it is what they say that is wrong."""
    for slot in range(5000):
        number = numbered(int(NOON), slot, is_day=False)
        assert json.loads(record(number, 0))["_seq_id"] == number


async def request(stream: trio.SocketStream, raw: bytes) -> tuple[int, object]:
    """Send raw bytes, read one answer."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    await stream.send_all(raw)
    status, body = 0, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some())
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return status, json.loads(body)


@pytest.mark.parametrize(
    ("raw", "status", "key"),
    [
        (b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", 200, "status"),
        (b"GET /api/stats HTTP/1.1\r\nHost: x\r\n\r\n", 200, "stats"),
        (b"GET /pull?limit=2 HTTP/1.1\r\nHost: x\r\n\r\n", 200, "data"),
        (b"GET /pull?limit=two HTTP/1.1\r\nHost: x\r\n\r\n", 500, "error"),
        (b"POST /confirm HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 500, "error"),
        (b"GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n", 404, "error"),
    ],
)
async def test_the_demo_speaks_the_protocol(raw: bytes, status: int, key: str) -> None:
    """Every request of the protocol is answered, and what is no request of it, twice over one connection."""
    async with trio.open_nursery() as nursery:
        url = await nursery.start(serve_demo, 5)
        stream = await trio.open_tcp_stream("127.0.0.1", int(url.rpartition(":")[2]))
        async with stream:
            for _ in range(2):
                got, answer = await request(stream, raw)
                assert (got, isinstance(answer, dict) and key in answer) == (status, True)
        nursery.cancel_scope.cancel()


async def test_a_client_that_talks_nonsense_or_leaves_harms_nobody() -> None:
    """The demo goes on serving the others."""
    async with trio.open_nursery() as nursery:
        url = await nursery.start(serve_demo, 5)
        port = int(url.rpartition(":")[2])
        for raw in (
            b"\x16\x03\x01 no HTTP\r\n\r\n",
            b"POST /confirm HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
        ):
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            await stream.send_all(raw)
            await stream.aclose()
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            assert (await request(stream, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == 200
        nursery.cancel_scope.cancel()
