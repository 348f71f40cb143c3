"""Plausible records from a seed, with repeated addresses, exact duplicates and broken ones."""

import json
import random
from collections.abc import Iterator

TYPES = ("ramnit", "andromeda", "mirai", "emotet", "gozi", "qakbot")
BROKEN: tuple[dict[str, object], ...] = (
    {"timestamp": "2026-11-20T00:00:01", "botnet_type": "ramnit"},
    {"ip": "999.1.1.1", "timestamp": "2026-11-20T00:00:01", "botnet_type": "ramnit"},
    {"ip": "10.0.0.1", "timestamp": "2026-11-20T00:00:01", "botnet_type": "ramnit"},
    {"ip": "8.8.8.8", "timestamp": "1970-01-01T00:00:00", "botnet_type": "ramnit"},
    {"ip": "8.8.8.8", "timestamp": "2026-11-20T00:00:01", "botnet_type": "robert'); drop table"},
    {"ip": ["8.8.8.8"], "timestamp": 7, "botnet_type": None},
)


def seeded_records(count: int, seed: int = 1, *, duplicates: float = 0.0, broken: float = 0.0) -> Iterator[bytes]:
    """Give `count` records, of which about the given shares repeat an earlier one exactly, or are broken.

    The same seed gives the same bytes.
    """
    dice = random.Random(seed)
    hosts = [
        f"{dice.choice((45, 91, 103, 177, 185, 203))}.{_byte(dice)}.{_byte(dice)}.{_byte(dice)}"
        for _ in range(max(1, count * 2 // 5))
    ]
    recent: list[bytes] = []
    for index in range(count):
        fate = dice.random()
        if fate < broken:
            yield json.dumps(BROKEN[index % len(BROKEN)]).encode()
        elif fate < broken + duplicates and recent:
            yield dice.choice(recent)
        else:
            record = _record(dice, hosts, index)
            recent[index % 1000 : index % 1000 + 1] = [record]
            yield record


def _record(dice: random.Random, hosts: list[str], index: int) -> bytes:
    host = hosts[int(dice.random() ** 2 * len(hosts))]
    day, second = 20 - index % 2, dice.randrange(86_400)
    moment = f"2026-11-{day}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return (
        f'{{"ip": "{host}", "timestamp": "{moment}", "date": "{moment[:10]}", '
        f'"log_hour": "{moment[:10]}_{moment[11:13]}", '
        f'"botnet_type": "{TYPES[int(dice.random() ** 3 * len(TYPES))]}", "log_type": "online"}}'
    ).encode()


def _byte(dice: random.Random) -> int:
    return dice.randrange(1, 255)
