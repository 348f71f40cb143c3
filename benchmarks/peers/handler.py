"""What somebody writes who uses a distributed queue: JSON, look-up, bulk upserts into both tables, commit.

Two ways. The plain one adds what a delivery holds to the counters: a sighting that came before in another delivery is
counted again. The careful one counts what MariaDB says was inserted (INSERT IGNORE … RETURNING), in a second upsert.
Neither validates anything, keeps an account or has dead letters.
"""

import json
import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TypeAlias
from zlib import crc32

import iptocc
import pymysql
from pymysql.constants import ER

from adapters.lookups.countries import country_name

Sighting = tuple[str, str]
"""Address and time."""

READY = "ready for deliveries"
"""What a worker's process says where its package says nothing by default."""

TRIES = 20
NODES = (
    "INSERT INTO `botnet_nodes_{kind}` "
    "(ip, country, country_code, is_china, first_seen, last_seen, communication_count) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s) ON DUPLICATE KEY UPDATE "
    "first_seen = LEAST(first_seen, VALUES(first_seen)), last_seen = GREATEST(last_seen, VALUES(last_seen)), "
    "communication_count = communication_count + VALUES(communication_count)"
)
COMMUNICATIONS = (
    "INSERT INTO `botnet_communications_{kind}` "
    "(node_id, ip, communication_time, received_at, country, country_code, is_china) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s) ON DUPLICATE KEY UPDATE id = id"
)
NEW_COMMUNICATIONS = (
    "INSERT IGNORE INTO `botnet_communications_{kind}` "
    "(node_id, ip, communication_time, received_at, country, country_code, is_china) VALUES RETURNING ip"
)
AGAIN = (ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT)

Connection: TypeAlias = "pymysql.Connection[pymysql.cursors.Cursor]"
_own = threading.local()


def handle(payload: str) -> None:
    """Write one delivery: a JSON object a line."""
    kinds: defaultdict[str, set[Sighting]] = defaultdict(set)
    for line in payload.splitlines():
        record = json.loads(line)
        kinds[record["botnet_type"]].add((record["ip"], record["timestamp"].replace("T", " ")))
    for kind, sightings in kinds.items():
        patiently(kind, sorted(sightings))
    with open(os.environ["PEER_DONE"], "a") as done:  # noqa: PTH123 - one write at the end of a file, as O_APPEND does it
        done.write(f"{time.time()} {crc32(payload.encode())}\n")


def patiently(kind: str, sightings: Sequence[Sighting]) -> None:
    """Write in one transaction, again when another writer was in the way."""
    for _ in range(TRIES):
        try:
            write(connection(), kind, sightings)
        except pymysql.err.MySQLError as error:
            connection().rollback()
            if error.args[0] not in AGAIN:
                raise
        else:
            connection().commit()
            return
    raise RuntimeError(f"not written in {TRIES} tries")


def write(database: Connection, kind: str, sightings: Sequence[Sighting]) -> None:
    """Both tables, uncommitted."""
    times: defaultdict[str, list[str]] = defaultdict(list)
    for ip, seen_at in sightings:
        times[ip].append(seen_at)
    facts = {ip: countries(ip) for ip in times}
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    careful = "PEER_CAREFUL" in os.environ

    def nodes(counts: Mapping[str, int]) -> list[tuple[object, ...]]:
        return [(ip, *facts[ip], min(times[ip]), max(times[ip]), count) for ip, count in counts.items()]

    with closing(database.cursor()) as cursor:
        cursor.executemany(NODES.format(kind=kind), nodes({ip: 0 if careful else len(times[ip]) for ip in times}))
        ids = node_ids(cursor, kind, times)
        rows = [(ids[ip], ip, seen_at, now, *facts[ip]) for ip, seen_at in sightings]
        if not careful:
            cursor.executemany(COMMUNICATIONS.format(kind=kind), rows)
        elif counts := inserted(cursor, kind, rows):
            cursor.executemany(NODES.format(kind=kind), nodes(counts))


def inserted(cursor: pymysql.cursors.Cursor, kind: str, rows: Sequence[Sequence[object]]) -> Counter[str]:
    """Insert those that are not there yet; how many of each address were not."""
    marks = ", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * len(rows))
    values = [value for row in rows for value in row]
    cursor.execute(NEW_COMMUNICATIONS.format(kind=kind).replace("VALUES", f"VALUES {marks}"), values)
    return Counter(ip for (ip,) in cursor.fetchall())


def node_ids(cursor: pymysql.cursors.Cursor, kind: str, addresses: Iterable[str]) -> Mapping[str, int]:
    """The ids that the rows of these addresses have."""
    wanted = list(addresses)
    marks = ", ".join(["%s"] * len(wanted))
    cursor.execute(f"SELECT ip, id FROM `botnet_nodes_{kind}` WHERE ip IN ({marks})", wanted)
    return dict(cursor.fetchall())


def countries(ip: str) -> tuple[str | None, str | None, bool | None]:
    """Name, code, and whether it is China."""
    code = iptocc.country_code(ip)
    return (None, None, None) if code is None else (country_name(code), code, code == "CN")


def connection() -> Connection:
    """The connection of this thread of this process, opened at its first use."""
    if getattr(_own, "pid", None) != os.getpid():
        _own.pid = os.getpid()
        _own.connection = pymysql.connect(
            host="127.0.0.1", port=int(os.environ["PEER_PORT"]), user="root", database=os.environ["PEER_DATABASE"],
            charset="utf8mb4", ssl_disabled=True, init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        )  # fmt: skip
    opened: Connection = _own.connection
    return opened


countries("8.8.8.8")  # both tables are read at import, before the clock starts
