"""Receipts and dead letters of a queue in a SQLite file. No engine opens anything here: no lease is touched."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from sqlite3 import Connection

from attrs import define

from adapters.queues.codec import decoded
from adapters.queues.sqlite_file import SqliteFile, open_file
from adapters.queues.sqlite_schema import STEPS
from engine.audit import DEAD, DROPPED, QUEUED, SETTLED, Receipt
from engine.dead_letters import QueueLetter

_LETTERS = "SELECT id, source, attempts, reason, died_at, payload FROM dead_letters"


@define(eq=False)
class SqliteBooks:
    """See `engine.archive.Books`."""

    _file: SqliteFile

    async def receipts(self, since: str | None, until: str | None = None) -> Sequence[Receipt]:
        """See `engine.audit.Receipts` and `engine.dead_letters.QueueLetters`, here and below."""
        return await self._file.transact(partial(receipts, since=since, until=until))

    async def remembered_since(self) -> Mapping[str, str]:
        return await self._file.transact(remembered_since)

    async def read(self) -> Sequence[QueueLetter]:
        return await self._file.transact(letters)

    async def newest(self, limit: int) -> Sequence[QueueLetter]:
        return await self._file.transact(partial(newest, limit=limit))

    async def count(self) -> int:
        return await self._file.transact(count)

    async def drop(self, ids: Sequence[str]) -> int:
        return await self._file.transact(partial(drop, ids=ids))


def receipts(connection: Connection, *, since: str | None, until: str | None) -> list[Receipt]:
    """The receipts of these moments, with where their batches are now."""
    rows = connection.execute(
        "SELECT r.source, r.name, r.size, r.put_at, CASE WHEN d.id IS NOT NULL THEN ? WHEN x.id IS NOT NULL THEN ?"
        " WHEN r.is_dropped THEN ? ELSE ? END FROM receipts r LEFT JOIN deliveries d ON d.id = r.delivery"
        " LEFT JOIN dead_letters x ON x.id = r.delivery WHERE r.put_at >= ? AND r.put_at < ? ORDER BY r.delivery",
        (QUEUED, DEAD, DROPPED, SETTLED, since or "", until or "a"),
    )
    return [Receipt(*row) for row in rows]


def remembered_since(connection: Connection) -> dict[str, str]:
    """Per source, when its oldest receipt was written."""
    return dict(connection.execute("SELECT source, min(put_at) FROM receipts GROUP BY source").fetchall())


def letters(connection: Connection) -> list[QueueLetter]:
    """The queue's own dead letters."""
    return list(map(_letter, connection.execute(f"{_LETTERS} ORDER BY id")))


def newest(connection: Connection, *, limit: int) -> list[QueueLetter]:
    """Those that died last."""
    return list(map(_letter, connection.execute(f"{_LETTERS} ORDER BY died_at DESC, id DESC LIMIT ?", (limit,))))


def count(connection: Connection) -> int:
    """How many there are."""
    found: int = connection.execute("SELECT COUNT(*) FROM dead_letters").fetchone()[0]
    return found


def _letter(row: tuple[int, str, int, str, str, bytes]) -> QueueLetter:
    number, source, attempts, reason, died_at, payload = row
    return QueueLetter(str(number), source, str(number), attempts, reason, died_at, payload, decoded(payload))


def drop(connection: Connection, *, ids: Sequence[str]) -> int:
    """Delete them, and note it in their receipts."""
    numbers = [(int(name),) for name in ids if name.isdecimal()]
    dropped = connection.executemany("DELETE FROM dead_letters WHERE id = ?", numbers).rowcount
    connection.executemany("UPDATE receipts SET is_dropped = 1 WHERE delivery = ?", numbers)
    return max(dropped, 0)


@asynccontextmanager
async def open_books(path: str | Path, *, busy_seconds: float = 5.0) -> AsyncIterator[SqliteBooks]:
    """Open the books of the queue in the file `path`. Raises ConfigError, or UnavailableError."""
    async with open_file(Path(path), STEPS, busy_seconds=busy_seconds) as file:
        yield SqliteBooks(file)
