"""A seeded corpus of records as a collector would serve them, and what must be in the database afterwards.

Knows nothing of the engine: what must come out is computed here from the records alone, by other means.
"""

import ipaddress
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

TYPES = ["mirai", "ramnit", "andromeda", "emotet_2"]
BEGIN = datetime(2025, 3, 1, tzinfo=UTC)
GAP_EVERY = 97
"""The collector of the tests burns a number after so many records, when it is told to."""

Json = dict[str, object]


class Outcome(NamedTuple):
    """What one good record leaves behind: a communication, or (`cleanup`) a node cleaned then or later."""

    kind: str
    ip: str
    seen_at: str
    cleanup: bool


@dataclass
class Node:
    """What the row of one address must say."""

    count: int = 0
    first_seen: str | None = None
    last_seen: str | None = None
    cleaned: str | None = None

    @property
    def status(self) -> str:
        """Cleaned unless it called home again, strictly later."""
        return "active" if self.cleaned is None or (self.last_seen or "") > self.cleaned else "cleaned"


@dataclass
class Expected:
    """What the database must hold: communications per type, nodes per type, positions of dead letters."""

    communications: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    nodes: dict[str, dict[str, Node]] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)

    def add(self, kind: str, ip: str, seen_at: str, *, cleanup: bool) -> None:
        """One good record."""
        node = self.nodes.setdefault(kind, {}).setdefault(ip, Node())
        rows = self.communications.setdefault(kind, set())
        if cleanup:
            node.cleaned = max(node.cleaned or "", seen_at)
        elif (ip, seen_at) not in rows:
            rows.add((ip, seen_at))
            node.count += 1
            node.first_seen = min(node.first_seen or seen_at, seen_at)
            node.last_seen = max(node.last_seen or seen_at, seen_at)

    @property
    def rows(self) -> int:
        """All communications."""
        return sum(map(len, self.communications.values()))


@dataclass
class Corpus:
    """Records in the order of their numbers, and what they amount to.

    `outcomes` says it record by record, by number; None is a dead letter.
    """

    records: list[Json]
    expected: Expected
    outcomes: dict[int, Outcome | None]

    def lines(self) -> str:
        """One JSON object a line."""
        return "".join(json.dumps(record) + "\n" for record in self.records)


def make(
    size: int,
    seed: int,
    *,
    addresses: int | None = None,
    duplicates: float = 0.02,
    broken: float = 0.01,
    cleanups: float = 0.005,
) -> Corpus:
    """A corpus of `size` records; its collector numbers it with gaps of `GAP_EVERY`.

    They are about so many `addresses`, a third of their own number unless it is said.
    """
    dice = random.Random(seed)
    expected = Expected()
    records: list[Json] = []
    outcomes: dict[int, Outcome | None] = {}
    number = 0
    about = [_address(dice) for _ in range(addresses or max(1, size // 3))]
    for record in _records(size, dice, about, duplicates, cleanups):
        number += 1 if len(records) % GAP_EVERY or not records else 2
        kind, ip, moment, cleanup = record
        served = _served(dice, kind, ip, moment, cleanup=cleanup)
        if dice.random() < broken:
            served |= _damage(dice)
            expected.dead.add(str(number))
            outcomes[number] = None
        else:
            outcomes[number] = outcome = Outcome(kind, str(ip), moment.strftime("%Y-%m-%d %H:%M:%S"), cleanup)
            expected.add(kind, outcome.ip, outcome.seen_at, cleanup=cleanup)
        records.append(served)
    return Corpus(records, expected, outcomes)


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _records(
    size: int, dice: random.Random, addresses: Sequence[Address], duplicates: float, cleanups: float
) -> Iterator[tuple[str, Address, datetime, bool]]:
    made: list[tuple[str, Address, datetime, bool]] = []
    for _ in range(size):
        if made and dice.random() < duplicates:
            yield dice.choice(made)
            continue
        address = addresses[min(int(dice.paretovariate(0.7)) - 1, len(addresses) - 1)]
        if dice.random() < 0.7:
            address = dice.choice(addresses)
        moment = BEGIN + timedelta(seconds=dice.randrange(14 * 86_400))
        made.append((dice.choice(TYPES), address, moment, dice.random() < cleanups))
        yield made[-1]


def _address(dice: random.Random) -> Address:
    if dice.random() < 0.05:
        return ipaddress.IPv6Address((0x2A00 << 112) + dice.getrandbits(80))
    while True:
        address = ipaddress.IPv4Address(dice.getrandbits(32))
        if address.is_global and not address.is_multicast and not address.is_reserved:
            return address


def _served(dice: random.Random, kind: str, ip: Address, moment: datetime, *, cleanup: bool) -> Json:
    """One of the spellings in which the same sighting may be served."""
    text = str(ip)
    if ip.version == 4 and dice.random() < 0.02:
        text = f"::ffff:{ip}"
    elif ip.version == 6 and dice.random() < 0.5:
        text = ip.exploded.upper()
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S")
    spelling = dice.random()
    if spelling < 0.02:
        stamp = (moment + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%S+08:00")
    elif spelling < 0.04:
        stamp += ".987654"
    return {
        "ip": text,
        "timestamp": stamp,
        "date": stamp[:10],
        "log_hour": f"{stamp[:10]}_{stamp[11:13]}",
        "botnet_type": kind,
        "log_type": "cleanup" if cleanup else "online",
    }


def _damage(dice: random.Random) -> Json:
    """One way in which a record can be broken; what it changes makes it unusable."""
    return dice.choice(
        [
            {"ip": None}, {"ip": "999.1.1.1"}, {"ip": ""}, {"ip": "10.1.2.3"}, {"ip": "ff02::1"}, {"ip": 16909060},
            {"ip": {"a": [1, {"b": None}]}}, {"ip": "1.2.3.4\x00"}, {"ip": "fe80::1%eth0"}, {"ip": "::ffff:127.0.0.1"},
            {"timestamp": "1970-01-01T00:00:00"}, {"timestamp": "9999-12-31T23:59:59"}, {"timestamp": 1763596801},
            {"timestamp": "yesterday"}, {"timestamp": None}, {"timestamp": ["2026"]},
            {"botnet_type": "x' OR 1=1; --"}, {"botnet_type": "x" * 300}, {"botnet_type": None}, {"botnet_type": "`a`"},
            {"log_type": "nonsense"}, {"log_type": 5}, {"event_type": ["junk"] * 3},
        ]
    )  # fmt: skip
