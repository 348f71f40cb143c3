"""What is accepted as a sighting, and the reason where it is not. Pure: a record and the rules in, a value out."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from attrs import frozen

from engine.delivery import RawRecord, Unreadable
from engine.moments import text_of
from engine.sighting import Sighting

BOTNET_TYPE = re.compile(r"\A[a-z0-9_]{1,40}\Z")
USUAL_TIME = "[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
"""The form of timestamp that collectors use, as a pattern."""
_USUAL_TIME = re.compile(USUAL_TIME)
EVENT_TYPE_LIMIT = 64
ADDRESS_LIMIT = 45
AHEAD_LIMIT = timedelta(hours=1)
LOG_TYPES: dict[object, bool] = {None: False, "online": False, "cleanup": True}
"""What `log_type` may say, and whether it reports an address clean."""


def _ends(block: IPv4Network | IPv6Network) -> tuple[int, int]:
    return int(block.network_address), int(block.broadcast_address)


# The IANA special-purpose registry, multicast and the former class E: a table, because it is asked for every record.
_RESERVED = [
    IPv4Network("0.0.0.0/8"),
    IPv4Network("10.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),
    IPv4Network("127.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.0.2.0/24"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("198.18.0.0/15"),
    IPv4Network("198.51.100.0/24"),
    IPv4Network("203.0.113.0/24"),
    IPv4Network("224.0.0.0/4"),
    IPv4Network("240.0.0.0/4"),
]
_RESERVED_FIRST, _RESERVED_LAST = zip(*map(_ends, _RESERVED), strict=True)
_PUBLIC_NETWORKS = frozenset(range(256)) - {
    first
    for block in _RESERVED
    for first in range(block.network_address.packed[0], block.broadcast_address.packed[0] + 1)
}
"""First numbers of addresses none of which is reserved."""
_GLOBAL_EXCEPTIONS = {int(IPv4Address("192.0.0.9")), int(IPv4Address("192.0.0.10"))}
_FIRST_V6, _LAST_V6 = _ends(IPv6Network("2000::/3"))  # global unicast
_MAPPED_V4 = 0xFFFF
# A table of our own here too: what ipaddress calls global differs between versions of Python, and includes 6to4.
_RESERVED_V6 = [
    _ends(IPv6Network("2001::/23")),
    _ends(IPv6Network("2001:db8::/32")),
    _ends(IPv6Network("2002::/16")),
    _ends(IPv6Network("3fff::/20")),
]
ADDRESS_MEMORY = 32_768
_SPELLING_MEMORY = 8_192


class RefusedError(ValueError):
    """A record, or one field of it, is not acceptable; the text says which field, what it holds and what is allowed."""


Accepted = tuple[str, Sighting]
"""The type of a botnet, and what was seen of it: a bare tuple, because it is made and taken apart for every record."""


@frozen
class Rules:
    """What one source's records are held to. `botnet_types` empty allows every well-formed type."""

    timezone: tzinfo = UTC
    earliest: str = "2000-01-01 00:00:00"
    allow_reserved: bool = False
    botnet_types: frozenset[str] = frozenset()


Reader = Callable[[RawRecord | Unreadable, int], Accepted]


def reader(rules: Rules, now: datetime) -> Reader:
    """Make the function that turns the records of one page into sightings; it raises RefusedError.

    `now` (with zone) is when the page was received: nothing may have been seen more than an hour after it.
    """
    latest = latest_of(now)
    earliest, zone, reserved_too, types = rules.earliest, rules.timezone, rules.allow_reserved, rules.botnet_types
    good_types: set[str] = set()

    def read(record: RawRecord | Unreadable, sequence: int) -> Accepted:
        if isinstance(record, Unreadable):
            raise RefusedError(record.reason)
        ip = canonical_ip(record.ip, allow_reserved=reserved_too)
        seen_at = utc_text(record.timestamp, zone)
        if not earliest <= seen_at <= latest:
            raise RefusedError(f"timestamp {seen_at} UTC is not between {earliest} and one hour from now ({latest})")
        botnet_type = record.botnet_type
        if not isinstance(botnet_type, str) or (
            botnet_type not in good_types and BOTNET_TYPE.match(botnet_type) is None
        ):
            raise RefusedError(f"botnet_type {_show(botnet_type)} does not match [a-z0-9_]{{1,40}}")
        if types and botnet_type not in types:
            raise RefusedError(f"botnet_type {botnet_type!r} is not in the configured botnet_types")
        good_types.add(botnet_type)
        cleanup, event_type = _is_cleanup(record.log_type), _event_type(record.event_type)
        return botnet_type, Sighting._make((ip, seen_at, sequence, cleanup, event_type))

    return read


def latest_of(now: datetime) -> str:
    """The last moment at which what is received `now` may have been seen."""
    return text_of(now.astimezone(UTC) + AHEAD_LIMIT)


def canonical_ips(texts: Sequence[str], *, allow_reserved: bool) -> Sequence[str] | None:
    """The canonical texts of addresses; None where any of them is not acceptable."""
    if max(map(len, texts)) > ADDRESS_LIMIT:
        return None
    parsed = (address for address, _ in map(_parsed, texts)) if allow_reserved else map(_public.__getitem__, texts)
    known = [address for address in parsed if address is not None]
    return known if len(known) == len(texts) else None


def canonical_ip(value: object, *, allow_reserved: bool) -> str:
    """The canonical text of an address; IPv4-mapped IPv6 becomes IPv4. Raises RefusedError."""
    if not isinstance(value, str):
        raise RefusedError(f"ip {_show(value)} is not a text")
    if len(value) > ADDRESS_LIMIT:  # never into the memory of addresses
        raise RefusedError(f"ip {_show(value)} is not an IPv4 or IPv6 address")
    address, is_reserved = _parsed(value)
    if address is None:
        raise RefusedError(f"ip {_show(value)} is not an IPv4 or IPv6 address")
    if is_reserved and not allow_reserved:
        raise RefusedError(f"ip {address} is private, reserved or multicast (allow_reserved would accept it)")
    return address


class _Public(dict[str, str | None]):
    """The canonical texts of public addresses seen lately; None, and not remembered, of anything else."""

    def __missing__(self, text: str) -> str | None:
        try:
            address = text if inet_pton(AF_INET, text)[0] in _PUBLIC_NETWORKS else None
        except (OSError, ValueError):
            address = None
        if address is None:
            address, is_reserved = _parsed(text)
            if address is None or is_reserved:
                return None
        if len(self) >= ADDRESS_MEMORY:
            self.clear()
        self[text] = address
        return address


_public = _Public()


@lru_cache(maxsize=_SPELLING_MEMORY)
def _parsed(text: str) -> tuple[str | None, bool]:
    try:
        number = int.from_bytes(inet_pton(AF_INET, text))
    except (OSError, ValueError):
        return _parsed_v6(text)
    return text, _is_reserved_v4(number)


def _parsed_v6(text: str) -> tuple[str | None, bool]:
    try:
        packed = inet_pton(AF_INET6, text)
    except (OSError, ValueError):
        return None, False
    number = int.from_bytes(packed)
    if number >> 32 == _MAPPED_V4:
        return inet_ntop(AF_INET, packed[12:]), _is_reserved_v4(int.from_bytes(packed[12:]))
    if not _FIRST_V6 <= number <= _LAST_V6:
        # Among them is what C libraries write with dots, if it is allowed at all.
        return str(IPv6Address(number)), True
    return inet_ntop(AF_INET6, packed), any(first <= number <= last for first, last in _RESERVED_V6)


def _is_reserved_v4(number: int) -> bool:
    index = bisect_right(_RESERVED_FIRST, number) - 1
    return number <= _RESERVED_LAST[index] and number not in _GLOBAL_EXCEPTIONS


def utc_text(value: object, zone: tzinfo) -> str:
    """An ISO 8601 timestamp as UTC text, fractions of a second cut off; without a zone it is read in `zone`.

    Raises RefusedError.
    """
    if not isinstance(value, str):
        raise RefusedError(f"timestamp {_show(value)} is not a text in ISO 8601")
    try:
        moment = datetime.fromisoformat(value)
        if zone is UTC and _USUAL_TIME.fullmatch(value) is not None:
            return f"{value[:10]} {value[11:]}"
        if len(value) <= len("2026-W01-1") or "\0" in value:  # a date alone; a NUL that fromisoformat overlooks
            raise RefusedError(f"timestamp {_show(value)} is not a date and time in ISO 8601")
        if moment.tzinfo is None and zone is not UTC:
            moment = moment.replace(tzinfo=zone)
        if moment.tzinfo is not None and moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if isinstance(error, RefusedError):
            raise
        raise RefusedError(f"timestamp {_show(value)} is not a date and time in ISO 8601") from None
    return text_of(moment)


def _is_cleanup(value: object) -> bool:
    if value is None or isinstance(value, str):
        cleanup = LOG_TYPES.get(value)
        if cleanup is not None:
            return cleanup
    raise RefusedError(f"log_type {_show(value)} is neither 'online' nor 'cleanup'")


def _event_type(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise RefusedError(f"event_type {_show(value)} is not a text")
    if len(value) > EVENT_TYPE_LIMIT:
        raise RefusedError(f"event_type {_show(value)} is longer than {EVENT_TYPE_LIMIT} characters")
    return value


def _show(value: object, limit: int = 60) -> str:
    """A value for a reason: what it is, never all of it."""
    if value is None:
        return "(missing)"
    if isinstance(value, str | int | float | bool):
        text = ascii(value) if not isinstance(value, int) or abs(value) < 10**limit else "of thousands of digits"
        return text if len(text) <= limit else text[:limit] + "…"
    return f"of type {type(value).__name__}"
