"""What is accepted as a sighting, field by field."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine import acceptance
from engine.acceptance import Accepted, RefusedError, Rules, canonical_ip, canonical_ips, reader, utc_text
from engine.delivery import Unreadable
from engine.sighting import Sighting

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def record(**changes: object) -> SimpleNamespace:
    """A good record, changed."""
    fields: dict[str, object] = {
        "ip": "152.140.34.95",
        "timestamp": "2026-11-20T00:00:01",
        "botnet_type": "ramnit",
        "log_type": "online",
        "event_type": None,
    }
    return SimpleNamespace(**(fields | changes))


def read(rules: Rules | None = None, /, **changes: object) -> Accepted:
    """Read a good record, changed, as number 7."""
    return reader(rules or Rules(), NOW)(record(**changes), 7)


def test_a_good_record_is_a_sighting() -> None:
    """Every field of a good record arrives."""
    assert read(event_type="beacon") == (
        "ramnit",
        Sighting("152.140.34.95", "2026-11-20 00:00:01", 7, cleanup=False, event_type="beacon"),
    )


def test_cleanup_is_told_apart() -> None:
    """log_type decides; without one a record is a sighting."""
    assert read(log_type="cleanup")[1].cleanup
    assert not read(log_type=None)[1].cleanup


@pytest.mark.parametrize(
    ("given_ip", "canonical"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("2A00:1450:4001:0:0:0:0:200E", "2a00:1450:4001::200e"),
        ("::ffff:8.8.4.4", "8.8.4.4"),
        ("::ffff:808:404", "8.8.4.4"),
    ],
)
def test_addresses_become_canonical(given_ip: str, canonical: str) -> None:
    """One address has one spelling, or the database would count it twice."""
    assert canonical_ip(given_ip, allow_reserved=False) == canonical
    for allow_reserved in (False, True):
        assert canonical_ips([given_ip, given_ip], allow_reserved=allow_reserved) == [canonical, canonical]


@pytest.mark.parametrize(
    "ip",
    ["10.0.0.1", "127.0.0.1", "192.168.1.1", "169.254.1.1", "0.0.0.0", "255.255.255.255", "224.0.0.251", "240.0.0.1",
     "100.64.0.1", "192.0.2.1", "::", "::1", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1", "2002:808:808::1",
     "2001::1", "2001:20::1",
     "2001:0:808:808::1", "3fff::1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "5f00::1", "::8.8.8.8",
     "::ffff:10.0.0.1", "4000::1", "192.0.0.8", "198.18.0.1", "203.0.113.7", "233.252.0.1", "fec0::1"],
)  # fmt: skip
def test_reserved_addresses_need_permission(ip: str) -> None:
    """Nobody calls home from these, unless the operator says so."""
    with pytest.raises(RefusedError, match="allow_reserved"):
        canonical_ip(ip, allow_reserved=False)
    assert canonical_ips(["8.8.8.8", ip], allow_reserved=False) is None
    canonical = canonical_ip(ip, allow_reserved=True)
    assert canonical_ips(["8.8.8.8", ip], allow_reserved=True) == ["8.8.8.8", canonical]


@pytest.mark.parametrize(
    "ip",
    ["", "999.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4\n", " 1.2.3.4", "1.2.3.4/24", "fe80::1%eth0",
     "\uff11.2.3.4", "1.2.3.4\x00", "example.com", "1" * 46,
     None, 16909060, True, b"1.2.3.4", ["1.2.3.4"], {"ip": "1.2.3.4"}],
)  # fmt: skip
def test_what_is_no_address_is_refused(ip: object) -> None:
    """Even with reserved addresses allowed; an integer is not an address although ipaddress would take it."""
    with pytest.raises(RefusedError, match="^ip "):
        canonical_ip(ip, allow_reserved=True)
    if isinstance(ip, str):
        for allow_reserved in (False, True):
            assert canonical_ips(["8.8.8.8", ip], allow_reserved=allow_reserved) is None


@pytest.mark.parametrize(
    ("timestamp", "zone", "utc"),
    [
        ("2026-11-20T00:00:01", "UTC", "2026-11-20 00:00:01"),
        ("2026-11-20 00:00:01.999999", "UTC", "2026-11-20 00:00:01"),
        ("2026-11-20T00:00:01Z", "Asia/Shanghai", "2026-11-20 00:00:01"),
        ("2026-11-20T00:00:01+08:00", "UTC", "2026-11-19 16:00:01"),
        ("2026-11-20T00:00:01", "Asia/Shanghai", "2026-11-19 16:00:01"),
        ("2026-07-01T12:00:00", "Europe/Berlin", "2026-07-01 10:00:00"),
        ("20261120T000001", "UTC", "2026-11-20 00:00:01"),
        ("2026-11-20T00:00", "UTC", "2026-11-20 00:00:00"),
        ("2026-11-20T00:00:01-00:00:30.5", "UTC", "2026-11-20 00:00:31"),
    ],
)
def test_timestamps_become_utc_to_the_second(timestamp: str, zone: str, utc: str) -> None:
    """Without a zone a timestamp is the source's local time; fractions are cut off, never rounded."""
    assert utc_text(timestamp, UTC if zone == "UTC" else ZoneInfo(zone)) == utc


@pytest.mark.parametrize(
    "timestamp",
    ["", "yesterday", "2026-11-20", "20261120", "2026-W01-1", "2026-02-30T00:00:00", "2026-11-20T25:00:00", 1763596801,
     None, 1.5, True, [], "2026-11-20T00:00:01\x00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"],
)  # fmt: skip
def test_what_is_no_moment_is_refused(timestamp: object) -> None:
    """A date without a time of day is none either, and the calendar's edges do not crash."""
    with pytest.raises(RefusedError, match="^timestamp "):
        utc_text(timestamp, UTC)


@given(st.datetimes(timezones=st.timezones()))
def test_any_moment_with_a_zone_is_the_same_moment_in_utc(moment: datetime) -> None:
    """The text names the same second as the moment it was made of."""
    try:
        expected = moment.astimezone(UTC).replace(microsecond=0, tzinfo=None)
    except OverflowError:
        return
    fixed = moment.astimezone(UTC) if moment.utcoffset() != moment.replace(fold=1 - moment.fold).utcoffset() else moment
    assert datetime.fromisoformat(utc_text(fixed.isoformat(), UTC)) == expected


def test_the_window_of_time() -> None:
    """An hour ahead is the last accepted second, `earliest` the first."""
    rules = Rules(earliest="2026-01-01 00:00:00")
    ahead = (NOW + timedelta(hours=1)).replace(tzinfo=None)
    assert read(rules, timestamp=ahead.isoformat())
    assert read(rules, timestamp="2026-01-01T00:00:00")
    for outside in [
        (ahead + timedelta(seconds=1)).isoformat(),
        "2025-12-31T23:59:59",
        "1970-01-01T00:00:00",
        "9999-01-01T00:00:00",
    ]:
        with pytest.raises(RefusedError, match="is not between"):
            read(rules, timestamp=outside)


@pytest.mark.parametrize(
    "botnet_type", ["", "Ramnit", "a b", "x" * 300, "a`; DROP TABLE x", "a\n", "ramnit'", "é", None, 5, ["a"]]
)
def test_botnet_types_are_names(botnet_type: object) -> None:
    """What could not be part of a table's name never gets near one."""
    with pytest.raises(RefusedError, match=r"^botnet_type .*\[a-z0-9_\]"):
        read(botnet_type=botnet_type)


def test_a_list_of_botnet_types_is_the_whole_list() -> None:
    """With `botnet_types` set, a well-formed stranger is refused."""
    rules = Rules(botnet_types=frozenset({"mirai"}))
    assert read(rules, botnet_type="mirai")
    with pytest.raises(RefusedError, match="configured botnet_types"):
        read(rules, botnet_type="ramnit")


@pytest.mark.parametrize(
    "changes",
    [{"log_type": "offline"}, {"log_type": 1}, {"event_type": 5}, {"event_type": "x" * 65}, {"event_type": {"a": 1}}],
)
def test_other_fields_of_a_wrong_kind(changes: dict[str, object]) -> None:
    """Each is refused with its name first."""
    (name,) = changes
    with pytest.raises(RefusedError, match=f"^{name} "):
        read(**changes)


def test_an_unreadable_record_keeps_its_reason() -> None:
    """What the source could not even decode is refused for the source's reason."""
    with pytest.raises(RefusedError, match="not an object"):
        reader(Rules(), NOW)(Unreadable("not an object"), 1)


@given(st.from_type(object) | st.text() | st.integers() | st.floats() | st.binary() | st.lists(st.none()))
def test_no_value_crashes_the_reader(value: object) -> None:
    """Whatever stands in whatever field: accepted or refused, and a reason is never long."""
    for name in ("ip", "timestamp", "botnet_type", "log_type", "event_type"):
        try:
            read(**{name: value})
        except RefusedError as refusal:
            assert len(str(refusal)) < 250


def test_a_number_of_thousands_of_digits_is_not_printed() -> None:
    """Python itself refuses to print it."""
    with pytest.raises(RefusedError, match="thousands of digits"):
        read(ip=10**5000)


def test_more_addresses_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is forgotten is learnt again, in the middle of a page, too."""
    monkeypatch.setattr(acceptance, "ADDRESS_MEMORY", 3)
    ips = [f"8.8.8.{number}" for number in range(10)] * 2
    assert canonical_ips(ips, allow_reserved=False) == ips


@given(st.ip_addresses(v=4) | st.ip_addresses(v=4).map(lambda ip: IPv4Address(int(ip) >> 8 << 8)))
def test_reserved_is_what_the_standard_library_says(ip: IPv4Address) -> None:
    """For IPv4 our table agrees with ipaddress; of 192.0.0.0/24 Python's versions tell different stories."""
    assume(ip not in IPv4Network("192.0.0.0/24"))
    expected = not ip.is_global or ip.is_multicast or ip.is_reserved
    assert canonical_ips([str(ip)], allow_reserved=False) == (None if expected else [str(ip)])
    try:
        canonical_ip(str(ip), allow_reserved=False)
    except RefusedError:
        assert expected
    else:
        assert not expected


V6 = st.integers(0, 2**128 - 1) | st.lists(
    st.sampled_from([0, 0, 1, 0x2001, 0xDB8, 0xFFFF]), min_size=8, max_size=8
).map(lambda groups: sum(group << 16 * place for place, group in enumerate(groups)))
V6_TEXTS = V6.map(IPv6Address).flatmap(lambda ip: st.sampled_from([str(ip), ip.exploded, str(ip).upper()]))


@given(V6_TEXTS | st.text("0123456789abcdefABCDEF:.%", max_size=45) | st.from_regex(r"(::|[0-9a-f]{1,5}|:|\.){3,12}"))
def test_an_ipv6_address_is_what_the_standard_library_says(text: str) -> None:
    """Accepted and written as by ipaddress, which knows no C library; a mapped IPv4 address is that address."""
    try:
        expected: IPv6Address | IPv4Address | None = ip_address(text)
    except ValueError:
        expected = None
    if isinstance(expected, IPv6Address):
        expected = None if expected.scope_id is not None else expected.ipv4_mapped or expected
    try:
        told = canonical_ip(text, allow_reserved=True)
    except RefusedError:
        assert expected is None
    else:
        assert told == str(expected)


@given(V6.map(lambda number: number >> 3 | 1 << 125))
def test_ipv6_blocks_that_nobody_calls_from_are_reserved(number: int) -> None:
    """Of global unicast, the blocks of the table; of the rest, everything."""
    blocks = [IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
    for ip in (IPv6Address(number), IPv6Address(number ^ 1 << 127)):
        reserved = ip not in IPv6Network("2000::/3") or any(ip in block for block in blocks)
        try:
            assert canonical_ip(str(ip), allow_reserved=False) == str(ip)
            assert not reserved
        except RefusedError:
            assert reserved
