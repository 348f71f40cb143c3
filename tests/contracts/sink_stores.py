"""The databases under the sink contract, seen from outside: plain SQL, and a model of what must be in them."""

import itertools
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import NamedTuple, Protocol

from adapters.sinks import mysql, sqlite
from adapters.sinks.database import Database
from engine.delivery import Batch, Written
from engine.ports import Sink
from engine.sighting import Facts, Rejected, Sighting
from tests.servers.mariadb import MariaDbServer

RECEIVED_AT = "2026-11-23 10:00:00"
_numbers = itertools.count(1)


def fresh_type() -> str:
    """A botnet type that no other test of this process has used."""
    return f"t{next(_numbers)}"


class Store(Protocol):
    """A database of which only the URL is shared with the sink."""

    def open(self, max_botnet_types: int = 200) -> AbstractAsyncContextManager[Database]: ...

    def rows(self, sql: str) -> list[tuple[object, ...]]: ...


class SqliteStore:
    """A file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, max_botnet_types: int = 200) -> AbstractAsyncContextManager[Database]:
        return sqlite.open_database(f"sqlite:///{self.path}", max_botnet_types=max_botnet_types)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return list(connection.execute(sql))


class MariaDbStore:
    """A database of a private server."""

    def __init__(self, server: MariaDbServer, name: str) -> None:
        self.server = server
        self.name = name

    def open(self, max_botnet_types: int = 200) -> AbstractAsyncContextManager[Database]:
        return mysql.open_database(self.server.url(self.name), max_botnet_types=max_botnet_types)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with closing(self.server.connect(self.name)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return [tuple(str(value) if hasattr(value, "isoformat") else value for value in row) for row in cursor]


class Node(NamedTuple):
    """What must stand in the table of nodes for one address."""

    communications: int
    first_seen: str | None
    last_seen: str | None
    cleaned_time: str | None
    status: str


class Model:
    """What a set of sightings must come to: computed from the whole set, not step by step as the sinks do."""

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = {}
        self.cleaned: dict[str, str] = {}

    def write(self, sightings: Sequence[Sighting]) -> Written:
        """Add a batch; return what the sink must answer."""
        written = 0
        for sighting in sightings:
            if not sighting.cleanup:
                times = self.seen.setdefault(sighting.ip, set())
                written += sighting.seen_at not in times
                times.add(sighting.seen_at)
        for sighting in sorted((s for s in sightings if s.cleanup), key=lambda s: s.seen_at):
            if sighting.seen_at > self.cleaned.get(sighting.ip, ""):
                self.cleaned[sighting.ip] = sighting.seen_at
                written += 1
        return Written(written, len(sightings) - written, 0)

    def nodes(self) -> dict[str, Node]:
        """The table of nodes."""
        return {ip: self._node(ip) for ip in {*self.cleaned, *self.seen}}

    def communications(self) -> set[tuple[str, str]]:
        """The table of communications."""
        return {(ip, at) for ip, times in self.seen.items() for at in times}

    def _node(self, ip: str) -> Node:
        times, cleaned = self.seen.get(ip, set()), self.cleaned.get(ip)
        last = max(times, default=None)
        active = last is not None and (cleaned is None or last > cleaned)
        return Node(len(times), min(times, default=None), last, cleaned, "active" if active else "cleaned")


def check(store: Store, botnet_type: str, model: Model) -> None:
    """Compare the tables with the model, to the row."""
    nodes = store.rows(
        f"SELECT ip, communication_count, first_seen, last_seen, cleaned_time, status FROM botnet_nodes_{botnet_type}"
    )
    assert {ip: Node(*rest) for ip, *rest in nodes} == model.nodes()  # type: ignore[arg-type]
    assert len(nodes) == len(model.nodes())
    rows = store.rows(f"SELECT ip, communication_time FROM botnet_communications_{botnet_type}")
    assert set(rows) == model.communications()
    assert len(rows) == len(model.communications())
    strangers = store.rows(
        f"SELECT c.ip FROM botnet_communications_{botnet_type} c "
        f"LEFT JOIN botnet_nodes_{botnet_type} n ON n.id = c.node_id AND n.ip = c.ip WHERE n.id IS NULL"
    )
    assert strangers == []


def batch_of(
    sightings: Sequence[Sighting],
    botnet_type: str,
    *,
    first: int = 1,
    source: str = "s",
    rejected: Sequence[Rejected] = (),
) -> Batch:
    """A batch whose name comes from `first` and its size."""
    last = first + len(sightings) + len(rejected) - 1
    return Batch(source, 0, first, last, 0, RECEIVED_AT, botnet_type, tuple(sightings), tuple(rejected))


def online(ip: str, seen_at: str, event_type: str | None = None) -> Sighting:
    """A sighting."""
    return Sighting(ip, seen_at, 1, False, event_type)  # noqa: FBT003 - a tuple


def cleanup(ip: str, at: str) -> Sighting:
    """A report that an address is clean."""
    return Sighting(ip, at, 1, True)  # noqa: FBT003 - a tuple


async def write(database: Database, batch: Batch, facts: Mapping[str, Facts] | None = None) -> Written:
    """Write one batch with a writer of its own."""
    async with database.writer() as sink:
        return await write_with(sink, batch, facts)


async def write_with(sink: Sink, batch: Batch, facts: Mapping[str, Facts] | None = None) -> Written:
    """Write one batch."""
    (written,) = await sink.write([batch], facts or {})
    return written
