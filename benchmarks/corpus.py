"""The seeded records of a benchmark: addresses by Zipf's law, in the order of time, with exact duplicates.

A few addresses call home all the time and most once or twice, as at a real sinkhole. What must be in the database
afterwards is computed here, from the records alone.
"""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from attrs import frozen

from tests.corpus import BEGIN, Expected

EXPONENT = 0.8
ADDRESSES_PER_RECORD = 1.2
"""With this exponent and so many addresses to draw from, 100,000 sightings have about 42,000 distinct ones."""

DUPLICATES = 0.02
IPV6 = 0.05
SPAN_SECONDS = 7 * 86_400
TYPES = ("ramnit", "andromeda", "mirai", "emotet", "gozi", "qakbot", "necurs", "conficker")


class Seen(NamedTuple):
    """One record: which botnet, which address, when."""

    kind: str
    ip: str
    seen_at: str


@frozen
class Corpus:
    """Records in the order in which the collector serves them."""

    records: Sequence[Seen]

    def __len__(self) -> int:
        return len(self.records)

    @property
    def addresses(self) -> list[str]:
        """The distinct addresses, by name."""
        return sorted({record.ip for record in self.records})

    def expected(self) -> Expected:
        """What the database must hold once all of them are written."""
        expected = Expected()
        for kind, ip, seen_at in self.records:
            expected.add(kind, ip, seen_at, cleanup=False)
        return expected

    def write(self, path: Path) -> Path:
        """Write what the collector serves, one JSON object a line; return the path."""
        return write(self.records, path)


def kinds(types: int) -> list[str]:
    """The names of so many botnet types."""
    return sorted(TYPES[:types])


def make(size: int, seed: int, *, types: int = 1) -> Corpus:
    """The same size, seed and number of botnet types give the same records."""
    return Corpus(list(records(size, seed, types=types)))


def records(size: int, seed: int, *, types: int = 1) -> Iterator[Seen]:
    """The records of `make`, one by one."""
    dice = random.Random(seed)
    addresses = [_address(dice) for _ in range(max(1, int(size * ADDRESSES_PER_RECORD)))]
    shares = list(accumulate((rank + 1) ** -EXPONENT for rank in range(len(addresses))))
    recent: list[Seen] = []
    for index in range(size):
        if recent and dice.random() < DUPLICATES:
            yield dice.choice(recent)
            continue
        moment = BEGIN + timedelta(seconds=index * SPAN_SECONDS // size)
        (ip,) = dice.choices(addresses, cum_weights=shares)
        seen = Seen(TYPES[dice.randrange(types)], ip, moment.strftime("%Y-%m-%d %H:%M:%S"))
        recent[index % 20_000 : index % 20_000 + 1] = [seen]
        yield seen


def write(records: Iterable[Seen], path: Path) -> Path:
    """Write what a collector serves, one JSON object a line; return the path."""
    with path.open("w") as stream:
        stream.writelines(line(record) + "\n" for record in records)
    return path


def line(record: Seen) -> str:
    """A record as a collector writes it."""
    moment = record.seen_at.replace(" ", "T")
    return json.dumps({
        "ip": record.ip, "timestamp": moment, "date": moment[:10], "log_hour": f"{moment[:10]}_{moment[11:13]}",
        "botnet_type": record.kind, "log_type": "online",
    })  # fmt: skip


def _address(dice: random.Random) -> str:
    if dice.random() < IPV6:
        return str(IPv6Address((0x2A00 << 112) + dice.getrandbits(80)))
    while True:
        address = IPv4Address(dice.getrandbits(32))
        if address.is_global and not address.is_multicast and not address.is_reserved:
            return str(address)
