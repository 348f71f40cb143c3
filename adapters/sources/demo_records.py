"""What the demo collector has seen: every record follows from its number alone, so nothing need be kept. Pure.

A number holds when it was given out: the two lowest bits tell a finite day (1) from the live stream (3), 15 bits count
within the second in which it was given out, the rest is that second (Unix time). So a demo started later goes on where
the one before it ended, as a collector would that was never stopped.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

DAY_SECONDS: Final = 86_400
DAY_RECORDS: Final = 20_000
_SLOT_BITS = 15
_KIND_BITS = 2
_DAY, _LIVE = 1, 3
_OLDEST = 1_577_836_800  # 2020: no demo ran before
_HOSTS = 60_000
_BROKEN_PER_MILLE = 2
_CLEANUPS_PER_MILLE = 5
_TYPES = ("ramnit", "andromeda", "mirai", "emotet", "qakbot", "gozi")
_MASK = (1 << 64) - 1

# Networks of access providers, the more of a country the more infections are usually seen there.
_NETWORKS = (
    *("106.207", "157.40", "47.247", "115.247", "2402:3a80", "2409:4000"),  # India
    *("223.245", "116.130", "223.202", "220.173", "2409:8a00", "240e:300"),  # China
    *("14.226", "14.169", "116.108", "117.7", "2001:ee0"),  # Viet Nam
    *("101.255", "39.246", "120.182", "2404:c0"),  # Indonesia
    *("186.227", "191.131", "191.246", "2804:14c"),  # Brazil
    *("94.19", "178.206", "188.232", "2a00:1fa0"),  # Russia
    *("5.216", "151.233", "2.179"),  # Iran
    *("78.176", "85.101", "85.110"),  # Türkiye
    *("41.179", "156.217"),  # Egypt
    *("39.58", "182.182"),  # Pakistan
    *("110.171", "223.24"),  # Thailand
    *("46.201", "94.179"),  # Ukraine
    *("189.184", "187.167"),  # Mexico
    *("75.228", "32.211", "2601:1"),  # United States
    *("181.31", "105.104", "160.168", "151.255", "112.200", "197.87", "102.88", "175.139"),
    *("14.53", "121.85", "218.164", "90.80", "176.84", "83.26", "86.35", "151.76", "217.235", "2a02:8100"),
    *("84.84", "181.63", "200.109", "190.40", "181.72", "114.130", "2.134", "105.51", "197.11", "89.210"),
    *("80.99", "85.161", "77.85", "109.93", "78.78", "121.208", "50.72", "79.183", "94.59", "124.43"),
)

_BROKEN = (
    '{"timestamp": "%s", "botnet_type": "ramnit", "log_type": "online"}',
    '{"ip": "999.1.1.1", "timestamp": "%s", "botnet_type": "ramnit", "log_type": "online"}',
    '{"ip": "192.168.1.10", "timestamp": "%s", "botnet_type": "ramnit", "log_type": "online"}',
    '{"ip": "106.207.1.2", "timestamp": "1970-01-01T00:00:00", "botnet_type": "ramnit", "sent": "%s"}',
    '{"ip": "106.207.1.3", "timestamp": "%s", "botnet_type": "ramnit\'; --", "log_type": "online"}',
)


def numbered(second: int, slot: int, *, is_day: bool) -> int:
    """The number given out in a second, after `slot` others."""
    return ((second << _SLOT_BITS) + slot) << _KIND_BITS | (_DAY if is_day else _LIVE)


def second_of(number: int) -> int:
    """The second in which a number was given out (Unix time)."""
    return number >> (_SLOT_BITS + _KIND_BITS)


def is_number(number: int, now: float) -> bool:
    """Whether this number may have been given out, by this demo or one before it."""
    return number & 1 == 1 and _OLDEST <= second_of(number) <= now


def record(number: int, seed: int) -> bytes:
    """The record of a number, as JSON, its numbers included."""
    dice = _scrambled(number ^ seed << 40)
    # About one in a hundred says exactly what an earlier one said.
    text = _sighting(number if dice % 100 else number - (1 + dice % 7 << _KIND_BITS), seed)
    return f'{text[:-1]}, "seq_id": {number}, "_cache_id": {number}, "_seq_id": {number}}}'.encode()


def _sighting(number: int, seed: int) -> str:
    dice = _scrambled(number + 1 ^ seed << 40)
    moment = _moment(_seen_at(number))
    kind = dice % 1000
    if kind < _BROKEN_PER_MILLE:
        return _BROKEN[dice // 1000 % len(_BROKEN)] % moment
    host = int((dice >> 20) % 1_000_003 / 1_000_003 * ((dice >> 40) % 1_000_003) / 1_000_003 * _HOSTS)
    address, botnet_type = _host(host, seed)
    log_type = "cleanup" if kind < _BROKEN_PER_MILLE + _CLEANUPS_PER_MILLE else "online"
    return (
        f'{{"ip": "{address}", "timestamp": "{moment}", "date": "{moment[:10]}", '
        f'"log_hour": "{moment[:10]}_{moment[11:13]}", "botnet_type": "{botnet_type}", "log_type": "{log_type}"}}'
    )


def _seen_at(number: int) -> int:
    second = second_of(number)
    if number & _LIVE == _LIVE:
        return second
    place = number >> _KIND_BITS & ((1 << _SLOT_BITS) - 1)
    return second - DAY_SECONDS + place * DAY_SECONDS // DAY_RECORDS % DAY_SECONDS


@lru_cache(maxsize=4096)
def _moment(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=_HOSTS)
def _host(host: int, seed: int) -> tuple[str, str]:
    """Address and infection of a host: a host keeps its infection."""
    dice = _scrambled(host ^ seed << 20)
    network = _NETWORKS[int((dice & 0xFFFF) ** 2 / 0x10000**2 * len(_NETWORKS))]
    tail = dice >> 16
    if ":" in network:
        address = f"{network}:{tail & 0xFFF | 0x1000:x}:{tail >> 12 & 0xFF | 0x100:x}::{tail >> 20 & 0xFFF | 1:x}"
    else:
        address = f"{network}.{tail & 0xFF}.{1 + (tail >> 8) % 254}"
    return address, _TYPES[int(((dice >> 48) / 0x10000) ** 2 * len(_TYPES))]


def _scrambled(number: int) -> int:
    """64 bits that look like chance and always are the same (splitmix64)."""
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ number >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ number >> 27) * 0x94D049BB133111EB) & _MASK
    return number ^ number >> 31
