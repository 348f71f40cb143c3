"""Ordinary records, accepted together."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.acceptance import Accepted, RefusedError, Rules, latest_of, reader
from engine.delivery import RawRecord, Unreadable
from engine.ordinary import Ordinary

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
USUAL: dict[str, object] = {
    "ip": "152.140.34.95", "timestamp": "2026-11-20T00:00:01", "botnet_type": "ramnit", "log_type": "online",
    "event_type": None,
}  # fmt: skip
OTHERS: dict[str, Sequence[object]] = {
    "ip": ["8.8.8.8", "2A00:1450::200E", "::ffff:8.8.4.4", "10.0.0.1", "1.2.3", "8.8.8.8\n", "1" * 50, "", None, 7],
    "timestamp": [
        "2026-11-23T12:59:59", "2026-11-23T13:00:01", "1999-12-31T00:00:00", "2026-02-30T00:00:00",
        "2026-11-20 00:00:01", "2026-11-20T24:00:00", "2026-11-20T23:60:00", "2026-11-20T00:00:01Z",
        "2026-11-20T00:00:01.5", "2026-11-20T00:00", "1971-06-01T00:00:00",
        "2026-11-20T00:00:01\n2026-11-20T00:00:02", "2026-11-20T00:00:01\n",
        "0000-01-01T00:00:00", "0001-01-01T00:00:00", "", "\N{ARABIC-INDIC DIGIT TWO}026-11-20T00:00:01", None, 1, 2.5,
    ],
    "botnet_type": ["mirai", "Mirai", "mirai\n", "a" * 41, "", None, 1, True],
    "log_type": ["cleanup", None, "offline", True, 0, ""],
    "event_type": ["beacon", "e" * 64, "e" * 65, "", 1, False],
}  # fmt: skip


def record(changes: dict[str, object]) -> RawRecord:
    """A usual record, changed."""
    return SimpleNamespace(**(USUAL | changes))


changed = st.sampled_from([(name, value) for name, values in OTHERS.items() for value in values])
usual = st.builds(
    lambda ip, second, kind, log, event: record(
        {
            "ip": ip,
            "timestamp": f"2026-11-20T00:00:{second:02}",
            "botnet_type": kind,
            "log_type": log,
            "event_type": event,
        }
    ),
    st.sampled_from(["8.8.8.8", "9.9.9.9", "2a00:1450::1"]),
    st.integers(0, 59),
    st.sampled_from(["mirai", "ramnit"]),
    st.sampled_from(["online", "cleanup", None]),
    st.sampled_from(["beacon", None]),
)
unusual = changed.map(lambda change: record({change[0]: change[1]}))


def one_by_one(records: Sequence[RawRecord | Unreadable], rules: Rules) -> list[Accepted] | None:
    """What `engine.acceptance` says of them; None where it refuses one."""
    read = reader(rules, NOW)
    try:
        return [read(each, number) for number, each in enumerate(records, 1)]
    except RefusedError:
        return None


@given(
    st.lists(st.one_of(usual, usual, usual, unusual), min_size=1, max_size=6),
    st.sampled_from([UTC, ZoneInfo("Asia/Shanghai"), ZoneInfo("Asia/Kolkata"), ZoneInfo("Africa/Monrovia")]),
    st.booleans(),
    st.sampled_from([frozenset[str](), frozenset({"mirai"})]),
)
def test_a_run_is_what_its_records_are_one_by_one(
    records: list[RawRecord],
    zone: tzinfo,
    reserved: bool,  # noqa: FBT001 - drawn
    types: frozenset[str],
) -> None:
    """Together they are accepted as the same sightings, or left alone; never where one of them is refused."""
    rules = Rules(earliest="1970-01-01 00:00:00", timezone=zone, allow_reserved=reserved, botnet_types=types)
    run = Ordinary(rules, latest_of(NOW)).read(records, range(1, len(records) + 1))
    if run is not None:
        assert list(zip(run.botnet_types, run.sightings, strict=True)) == one_by_one(records, rules)


@given(st.lists(usual, min_size=1, max_size=6))
def test_usual_records_are_ordinary(records: list[RawRecord]) -> None:
    """What collectors send is never left to the slow way."""
    assert Ordinary(Rules(), latest_of(NOW)).read(records, range(1, len(records) + 1)) is not None


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in OTHERS.items() for value in values])
def test_nothing_that_is_refused_is_ordinary(name: str, value: object) -> None:
    """Every refused value makes its whole run slow, and no run wrong."""
    records = [record({}), record({name: value}), record({})]
    run = Ordinary(Rules(), latest_of(NOW)).read(records, [1, 2, 3])
    expected = one_by_one(records, Rules())
    assert run is None or list(zip(run.botnet_types, run.sightings, strict=True)) == expected


def test_what_is_no_record_is_not_ordinary() -> None:
    """It stands in a page where a record should be."""
    assert Ordinary(Rules(), latest_of(NOW)).read([record({}), Unreadable("no object")], [1, 2]) is None
