"""Pages of a hostile collector as bytes: good records among broken ones, each with what must become of it.

What a record must become is decided where it is made, from how it was made; nothing here asks the engine.
"""

import ipaddress
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from hypothesis import strategies as st

KINDS = ("mirai", "ramnit", "emotet_2")
BEGIN = datetime(2025, 3, 1, tzinfo=UTC)
MAX_SEQUENCE = 2**53 - 1
KEPT = 64 * 1024


class Row(NamedTuple):
    """What a good record must leave behind: a communication, or (`cleanup`) a node cleaned then or later."""

    kind: str
    ip: str
    seen_at: str
    cleanup: bool


class Element(NamedTuple):
    """One element of a page's list, and the row it must become; without one it must be a dead letter."""

    text: bytes
    row: Row | None


# Values that no field of a record may hold, as JSON or as what a careless program writes in its place.
JUNK = st.sampled_from(
    [
        b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"-1", b"0.5", b"true", b"[]", b"{}", b'[1, {"ip": "8.8.8.8"}]',
        b'{"a": {"b": [null]}}', b'"\\ud800"', b'"a\x00b"', b'"\\u0000"', b'"\xff\xfe"', b'""',
        b'"' + b"x" * 300 + b'"', b"[" * 900 + b"]" * 900,
        b'"\\"; DROP TABLE nodes; --"', b"\"'\"", b'"`a`"', b'"\\n[info] all is well\\u001b[2J"', b'"}, {"',
        b"nul", b"'8.8.8.8'", b"",
    ]
)  # fmt: skip

BAD_IPS = st.one_of(
    JUNK,
    st.sampled_from(
        [
            b"null", b'"999.1.1.1"', b'"1.2.3"', b'"01.2.3.4"', b'"10.1.2.3"', b'"ff02::1"', b'"fe80::1%eth0"',
            b'"2a00::1%1"', b'"::ffff:127.0.0.1"', b'"::ffff:10.1.2.3"', b'"2002:808:808::1"', b'"64:ff9b::808:808"',
            b'"224.0.0.1"', b'"8.8.8.8\\n"', b'" 8.8.8.8"', b'"8.8.8.8/32"', b'"example.com"', b"16909060",
        ]
    ),
)  # fmt: skip

BAD_TIMES = st.one_of(
    JUNK,
    st.sampled_from(
        [
            b"null", b'"1970-01-01T00:00:00"', b'"9999-12-31T23:59:59"', b'"9999-12-31T23:59:59-14:00"',
            b'"0001-01-01T00:00:00+14:00"', b"1763596801", b'"yesterday"', b'"2026-02-30T00:00:00"', b'"2025-03-01"',
        ]
    ),
)  # fmt: skip

BAD_KINDS = st.one_of(JUNK, st.sampled_from([b"null", b'"Mirai"', b'"a b"', b'"' + b"m" * 41 + b'"', b'"mirai\\n"']))
BAD_LOG_TYPES = st.one_of(JUNK, st.sampled_from([b'"nonsense"', b'"ONLINE"', b"5"]))
BAD_EVENT_TYPES = st.sampled_from([b'"' + b"e" * 65 + b'"', b"7", b"[]", b"{}", b"true", b"NaN", b'"\\ud800"'])

# Elements that are no record at all.
STRANGERS = st.sampled_from(
    [
        b"null", b"5", b"-Infinity", b'"8.8.8.8"', b"[]", b'[{"ip": "8.8.8.8"}]', b"no JSON at all", b"{}", b'{"ip"}',
        b'{"ip" "8.8.8.8"}', b"{'ip': '8.8.8.8'}", b'{"seq_id": 7}', b"\x00", b"\xff",
        b'{"x": "' + b"y" * 70_000 + b'"}',
        b'{"x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    ]
)  # fmt: skip

# Fields nobody knows: whatever valid JSON they hold, the record beside them is as good as without.
UNKNOWN_NAMES = st.sampled_from(["x", "date", "source", "IP", "a b", "ip ", "'", "数"])
UNKNOWN_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
) | st.just("y" * 300)

GOOD_IPS = st.one_of(
    st.integers(0, 2**16 - 1).map(lambda number: f"45.77.{number >> 8}.{number & 255}"),
    st.integers(0, 2**40).map(lambda number: str(ipaddress.IPv6Address((0x2A00 << 112) + number))),
)
ZONES = st.sampled_from([None, 0, 480, -210])
NUMBER_NAMES = st.sampled_from(["seq_id", "_seq_id", "_cache_id"])
NUMBERS = st.one_of(
    st.none(),
    st.integers(1, 60),
    st.sampled_from([0, -1, MAX_SEQUENCE, MAX_SEQUENCE + 1, 10**30, True, 1.5, "7", [7]]),
)


@st.composite
def good_fields(draw: st.DrawFn) -> tuple[dict[str, bytes], Row]:
    """The fields of a good record in one of many spellings, and its row."""
    ip, kind, cleanup = draw(GOOD_IPS), draw(st.sampled_from(KINDS)), draw(st.booleans())
    moment = BEGIN + timedelta(seconds=draw(st.integers(0, 10**7)))
    fields = {
        draw(st.sampled_from(["ip", "ip", "source_ip"])): _text(_spelled(draw, ip)),
        "timestamp": _text(_stamp(draw, moment)),
        "botnet_type": _text(kind),
    }
    if cleanup or draw(st.booleans()):
        fields["log_type"] = _text("cleanup" if cleanup else "online")
    if draw(st.booleans()):
        fields["event_type"] = json.dumps(draw(st.none() | st.text(st.characters(codec="utf-8"), max_size=64))).encode()
    for name in draw(st.lists(UNKNOWN_NAMES, max_size=2, unique=True)):
        fields[name] = json.dumps(draw(UNKNOWN_VALUES)).encode("utf-8", "replace")
    return fields, Row(kind, ip, moment.strftime("%Y-%m-%d %H:%M:%S"), cleanup)


@st.composite
def records(draw: st.DrawFn) -> Element:
    """A good record, or one that differs from a good one in one field."""
    fields, row = draw(good_fields())
    damage = draw(st.sampled_from(["none", "none", "none", "ip", "timestamp", "botnet_type", "log_type", "event_type"]))
    if damage != "none":
        fields.pop("source_ip" if damage == "ip" else damage, None)
        fields[damage] = draw(BAD_OF[damage])
    text = [b"%s: %s" % (_text(name), value) for name, value in draw(st.permutations(list(fields.items())))]
    numbers = {name: draw(NUMBERS) for name in draw(st.lists(NUMBER_NAMES, max_size=3, unique=True))}
    text += [b"%s: %s" % (_text(name), json.dumps(number).encode()) for name, number in numbers.items()]
    if draw(st.integers(0, 9)) == 0:  # the same key again: the last one counts
        text.insert(0, b'"timestamp": "1970-01-01T00:00:00"')
    is_broken = damage != "none" or isinstance(numbers.get("seq_id"), list)
    return Element(b"{%s}" % b", ".join(text), None if is_broken else row)


BAD_OF = {
    "ip": BAD_IPS,
    "timestamp": BAD_TIMES,
    "botnet_type": BAD_KINDS,
    "log_type": BAD_LOG_TYPES,
    "event_type": BAD_EVENT_TYPES,
}

ELEMENTS = st.one_of(records(), records(), records(), STRANGERS.map(lambda text: Element(text, None)))


@st.composite
def pages(draw: st.DrawFn) -> list[Element]:
    """A page's list; often with numbers as they should be, sometimes with records that come twice."""
    elements = draw(st.lists(ELEMENTS, min_size=1, max_size=20))
    if draw(st.booleans()):
        elements += draw(st.lists(st.sampled_from(elements), max_size=3))
    return [Element(b"null", None)] if [element.text for element in elements] == [b""] else elements


def body_of(elements: list[Element]) -> bytes:
    """The answer to a pull, its list twice as collectors send it."""
    listed = b", ".join(element.text for element in elements)
    return b'{"success": true, "count": %d, "data": [%b], "records": [%b], "max_seq_id": 9}' % (
        len(elements), listed, listed,
    )  # fmt: skip


def _spelled(draw: st.DrawFn, ip: str) -> str:
    address = ipaddress.ip_address(ip)
    if address.version == 4:
        return draw(
            st.sampled_from([ip, ip, f"::ffff:{ip}", f"::FFFF:{int(address) >> 16:x}:{int(address) & 65535:x}"])
        )
    return draw(st.sampled_from([ip, address.exploded, address.exploded.upper()]))


def _stamp(draw: st.DrawFn, moment: datetime) -> str:
    offset = draw(ZONES)
    if offset is None:
        text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    else:
        text = moment.astimezone(timezone(timedelta(minutes=offset))).isoformat()
        return text if draw(st.booleans()) else text.replace("+00:00", "Z")
    return text + draw(st.sampled_from(["", ".5", ".987654"]))


def _text(value: str) -> bytes:
    return json.dumps(value).encode()
