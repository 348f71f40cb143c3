"""The tests' own collector does what deployed collectors do."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector import Collector, Spool, Verbatim, collector_process, running_collector
from tests.collector.records import seeded_records


def numbers(spool: Spool, limit: int = 5000, since: int | None = None) -> list[int]:
    """The numbers one pull gives."""
    return [json.loads(record)["seq_id"] for record in spool.pull(limit, since).records]


def filled(count: int, gap_every: int = 0) -> Spool:
    """A spool with so many records."""
    spool = Spool(gap_every=gap_every)
    spool.add(b"{}" for _ in range(count))
    return spool


def test_a_pull_gives_unpulled_records_above_a_number() -> None:
    """Ascending, at most as many as asked for and never more than 5000, over gaps."""
    assert numbers(filled(6, gap_every=2)) == [1, 2, 4, 5, 7, 8]
    assert numbers(filled(6, gap_every=2), limit=2, since=2) == [4, 5]
    assert len(numbers(filled(5001), limit=9999)) == 5000
    assert numbers(filled(3), since=3) == []


def test_a_confirm_marks_the_oldest() -> None:
    """What is marked is never served again, and the log of confirms says what it was."""
    spool = filled(10)
    spool.confirm(3)
    spool.confirm(2)
    assert numbers(spool) == [6, 7, 8, 9, 10]
    assert [entry["marked"] for entry in spool.confirms] == [[(1, 3)], [(4, 5)]]
    assert spool.unpulled() == [(6, 10)]
    assert spool.stats()["cached_records"] == 5


def test_a_confirm_goes_by_creation_time() -> None:
    """After a clock that stepped back, it marks other rows than those with the lowest numbers."""
    times = iter([100.0, 50.0])
    spool = Spool(clock=lambda: next(times))
    spool.add([b"{}", b"{}"])
    spool.add([b"{}"])
    spool.confirm(2)
    assert numbers(spool) == [2]


def test_deleted_records_change_no_number() -> None:
    """After seven days the pulled ones are gone, and the highest number is 0 when none remains."""
    spool = filled(3)
    spool.confirm(2)
    spool.delete_pulled()
    assert numbers(spool) == [3]
    spool.confirm(1)
    spool.delete_pulled()
    assert spool.global_highest == 0
    spool.add([b'{"a": 1}'])
    assert numbers(spool) == [4]
    assert spool.stats() == {
        "cached_records": 1,
        "pulled_records": 0,
        "total_generated": 4,
        "total_pulled": 3,
        "cache_full": False,
    }


def test_a_reset_starts_again_at_one() -> None:
    """Everything is lost."""
    spool = filled(3)
    spool.reset()
    spool.add([b"{}"])
    assert numbers(spool) == [1]


def test_a_verbatim_record_is_sent_as_it_is() -> None:
    """So is whatever is no object."""
    spool = Spool()
    spool.add([Verbatim(b'{"ip": NaN}'), b"17", b'{"a": 1}'])
    assert spool.pull(5, None).records[:2] == [b'{"ip": NaN}', b"17"]
    assert numbers(spool, since=2) == [3]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that asks for a key."""
    with running_collector(api_key="secret") as running:
        running.spool.add([b"{}"])
        yield running


def status_of(url: str, headers: dict[str, str]) -> int:
    """The status a GET is answered with."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:
            response.read()
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_both_headers_and_both_paths_are_known(collector: Collector) -> None:
    """The key comes in either header, the path with or without /api; health needs no key."""
    for path in ("/pull", "/api/pull", "/stats", "/api/stats"):
        assert status_of(collector.url + path, {"X-API-Key": "secret"}) == 200
        assert status_of(collector.url + path, {"Authorization": "Bearer secret"}) == 200
        assert status_of(collector.url + path, {"X-API-Key": "wrong"}) == 401
        assert status_of(collector.url + path, {}) == 401
    assert status_of(collector.url + "/health", {}) == 200
    assert status_of(collector.url + "/elsewhere", {"X-API-Key": "secret"}) == 404
    assert status_of(collector.url + "/pull?limit=x", {"X-API-Key": "secret"}) == 500


def test_a_pull_that_confirms(collector: Collector) -> None:
    """What it gives is marked at once."""
    assert status_of(collector.url + "/pull?confirm=true", {"X-API-Key": "secret"}) == 200
    assert collector.spool.unpulled() == []


def test_a_collector_in_a_process_of_its_own(tmp_path: Path) -> None:
    """It reads its records from a file and invents others, is steered over HTTP, and logs its confirms."""
    records, log = tmp_path / "records.jsonl", tmp_path / "confirms.jsonl"
    records.write_bytes(b'{"ip": "8.8.8.8"}\n\n{"ip": "8.8.4.4"}\n')
    with collector_process("--records", str(records), "--seeded", "10", "--confirm-log", str(log)) as collector:
        collector.add([b'{"ip": "1.1.1.1"}'])
        collector.misbehave("empty")
        request = urllib.request.Request(f"{collector.url}/confirm", data=b'{"count": 2}', method="POST")
        with urllib.request.urlopen(request, timeout=10) as response:
            assert json.load(response)["success"] is True
        assert collector.stats()["total_pulled"] == 2
        assert collector.unpulled() == [[3, 13]]
        assert [entry["marked"] for entry in collector.confirms()] == [[[1, 2]]]
        assert json.loads(log.read_bytes())["count"] == 2
        collector.reset()
        collector.behave()
        assert collector.unpulled() == []


def test_seeded_records_are_the_same_for_the_same_seed() -> None:
    """With about the shares that were asked for."""
    first = list(seeded_records(2000, 5, duplicates=0.1, broken=0.05))
    assert first == list(seeded_records(2000, 5, duplicates=0.1, broken=0.05))
    assert first != list(seeded_records(2000, 6, duplicates=0.1, broken=0.05))
    assert 0.07 < 1 - len(set(first)) / 2000 < 0.2
