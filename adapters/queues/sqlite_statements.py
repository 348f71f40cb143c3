"""What the SQLite queue does inside its transactions. Every function here runs in a thread, in one transaction."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from sqlite3 import Connection

from attrs import frozen

from adapters.queues import marks
from adapters.queues.codec import CLAIM_SIZE, UndecodableError, decode, encode
from engine.delivery import Cursor, Debt, Delivery, Intake, Mark


@frozen
class Engine:
    """Who asks, how long its leases run, and the clock they run on: read inside the transaction, so that time only
    goes forward from one transaction to the next.
    """

    instance: str
    lease_seconds: float
    clock: Callable[[], float]


def _is_foreign(connection: Connection, source: str, engine: Engine) -> bool:
    """Whether another engine owns the source now."""
    now = engine.clock()
    found = connection.execute(
        "SELECT 1 FROM sources WHERE source = ? AND owner <> ?"
        " AND owned_until > ? AND owned_until <= ? + owned_seconds + 1",
        (source, engine.instance, now, now),
    )
    return found.fetchone() is not None


def acquire(connection: Connection, *, source: str, engine: Engine, seconds: float) -> bool:
    """See `engine.ports.Queue`."""
    if _is_foreign(connection, source, engine):
        return False
    connection.execute("INSERT INTO sources (source) VALUES (?) ON CONFLICT DO NOTHING", (source,))
    connection.execute(
        "UPDATE sources SET owner = ?, owned_until = ?, owned_seconds = ? WHERE source = ?",
        (engine.instance, engine.clock() + seconds, seconds, source),
    )
    return True


def resign(connection: Connection, *, source: str, instance: str) -> None:
    """See `engine.ports.Queue`."""
    connection.execute("UPDATE sources SET owner = NULL WHERE source = ? AND owner = ?", (source, instance))


def cursor(connection: Connection, *, source: str) -> Cursor:
    """See `engine.ports.Queue`."""
    found = connection.execute(
        "SELECT epoch, sequence, fingerprint FROM sources WHERE source = ?", (source,)
    ).fetchone()
    return Cursor() if found is None else Cursor(*found)


def put(connection: Connection, *, intake: Intake, engine: Engine) -> bool:
    """See `engine.ports.Queue`."""
    source, stored = intake.source, cursor(connection, source=intake.source)
    if stored == intake.end != intake.start:
        return True
    if stored != intake.start or _is_foreign(connection, source, engine):
        return False
    if intake.end.epoch != stored.epoch:
        connection.execute("DELETE FROM marks WHERE source = ?", (source,))
    connection.execute(
        "INSERT INTO sources (source, epoch, sequence, fingerprint) VALUES (?, ?, ?, ?) ON CONFLICT (source) DO UPDATE"
        " SET epoch = excluded.epoch, sequence = excluded.sequence, fingerprint = excluded.fingerprint",
        (source, *intake.end),
    )
    if intake.marks:
        connection.execute(
            "INSERT OR REPLACE INTO marks VALUES (?, ?, ?)",
            (source, intake.marks[0].sequence, marks.pack(intake.marks)),
        )
    for batch in intake.batches:
        added = connection.execute(
            "INSERT INTO deliveries (source, epoch, first, payload) VALUES (?, ?, ?, ?)",
            (batch.source, batch.epoch, batch.first, encode(batch)),
        )
        connection.execute(
            "INSERT INTO receipts (delivery, source, name, size, put_at) VALUES (?, ?, ?, ?, datetime('now'))",
            (added.lastrowid, batch.source, batch.name, batch.size),
        )
    connection.execute("DELETE FROM receipts WHERE put_at < datetime('now', '-7 days')")
    return True


def claim(
    connection: Connection, engine: Engine, limit: int, held: AbstractSet[str]
) -> tuple[list[Delivery], list[tuple[str, str]]]:
    """Take up to `limit` deliveries, none of the `held`; what cannot be read becomes a dead letter, with its reason."""
    now, room = engine.clock(), CLAIM_SIZE
    deliveries, unreadable = [], []
    for number, attempt in _free(connection, engine, limit, held):
        if room <= 0:
            break
        connection.execute(
            "UPDATE deliveries SET is_new = 0, attempt = ?, owner = ?, free_at = ?, lease_seconds = ? WHERE id = ?",
            (attempt + 1, engine.instance, now + engine.lease_seconds, engine.lease_seconds, number),
        )
        payload = connection.execute("SELECT payload FROM deliveries WHERE id = ?", (number,)).fetchone()[0]
        room -= len(payload)
        try:
            deliveries.append(Delivery(str(number), attempt + 1, decode(payload)))
        except UndecodableError as error:
            _bury(connection, number, str(error))
            unreadable.append((str(number), str(error)))
    return deliveries, unreadable


def _free(connection: Connection, engine: Engine, limit: int, held: AbstractSet[str]) -> list[tuple[int, int]]:
    """Number and attempt of what may be claimed, what was claimed before first."""
    now = engine.clock()
    claimed = connection.execute(
        "SELECT id, attempt, owner FROM deliveries"
        " WHERE is_new = 0 AND (free_at <= ? OR free_at > ? + lease_seconds + 1) ORDER BY id LIMIT ?",
        (now, now, limit + len(held)),
    ).fetchall()
    in_hand = {(int(name), engine.instance) for name in held}
    free = [(number, attempt) for number, attempt, owner in claimed if (number, owner) not in in_hand][:limit]
    new = connection.execute("SELECT id, attempt FROM deliveries WHERE is_new = 1 ORDER BY id LIMIT ?", (limit,))
    return (free + new.fetchall())[:limit]


def resume(connection: Connection, *, family: str) -> None:
    """What earlier starts of a named engine held is claimable at once; that they died holding it counts."""
    connection.execute(
        "UPDATE deliveries SET owner = NULL, free_at = 0 WHERE substr(owner, 1, ?) = ?", (len(family), family)
    )


def take_back(connection: Connection, engine: Engine, known: AbstractSet[str]) -> None:
    """What is booked as this engine's, and is not among the `known`, becomes claimable as if it never had been."""
    mine = connection.execute("SELECT id FROM deliveries WHERE owner = ?", (engine.instance,)).fetchall()
    connection.executemany(
        "UPDATE deliveries SET owner = NULL, free_at = 0, attempt = attempt - 1 WHERE id = ?",
        [row for row in mine if str(row[0]) not in known],
    )


def _holder(engine: Engine, delivery: Delivery) -> tuple[int, str, int]:
    """Identify the delivery while this engine holds it under this attempt."""
    return int(delivery.id), engine.instance, delivery.attempt


def renew(connection: Connection, *, engine: Engine, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """See `engine.ports.Queue`."""
    free_at = engine.clock() + engine.lease_seconds
    kept = []
    for delivery in deliveries:
        changed = connection.execute(
            "UPDATE deliveries SET free_at = ?, lease_seconds = ? WHERE id = ? AND owner = ? AND attempt = ?",
            (free_at, engine.lease_seconds, *_holder(engine, delivery)),
        )
        if changed.rowcount:
            kept.append(delivery)
    return kept


def ack(connection: Connection, *, deliveries: Sequence[Delivery]) -> None:
    """See `engine.ports.Queue`."""
    connection.executemany("DELETE FROM deliveries WHERE id = ?", [(int(delivery.id),) for delivery in deliveries])


def nack(connection: Connection, *, engine: Engine, delivery: Delivery, delay_seconds: float) -> None:
    """See `engine.ports.Queue`."""
    connection.execute(
        "UPDATE deliveries SET owner = NULL, free_at = ?, lease_seconds = ? WHERE id = ? AND owner = ? AND attempt = ?",
        (engine.clock() + delay_seconds, delay_seconds, *_holder(engine, delivery)),
    )


def release(connection: Connection, *, engine: Engine, deliveries: Sequence[Delivery]) -> None:
    """See `engine.ports.Queue`."""
    connection.executemany(
        "UPDATE deliveries SET owner = NULL, free_at = 0, attempt = attempt - 1"
        " WHERE id = ? AND owner = ? AND attempt = ?",
        [_holder(engine, delivery) for delivery in deliveries],
    )


def dead_letter(connection: Connection, *, engine: Engine, delivery: Delivery, reason: str) -> None:
    """See `engine.ports.Queue`."""
    holder = _holder(engine, delivery)
    held = connection.execute("SELECT 1 FROM deliveries WHERE id = ? AND owner = ? AND attempt = ?", holder)
    if held.fetchone():
        _bury(connection, holder[0], reason)


def _bury(connection: Connection, number: int, reason: str) -> None:
    connection.execute(
        "INSERT INTO dead_letters SELECT id, source, epoch, first, payload, attempt, ?, datetime('now')"
        " FROM deliveries WHERE id = ?",
        (reason, number),
    )
    connection.execute("DELETE FROM deliveries WHERE id = ?", (number,))


def depth(connection: Connection) -> int:
    """See `engine.ports.Queue`."""
    waiting: int = connection.execute("SELECT count(*) FROM deliveries").fetchone()[0]
    return waiting


def debt(connection: Connection, *, source: str, front: Mark, limit: int, since: Mark | None) -> Debt | None:
    """See `engine.ports.Queue`."""
    connection.execute(
        "DELETE FROM marks WHERE source = ? AND first < (SELECT max(first) FROM marks WHERE source = ? AND first <= ?)",
        (source, source, marks.forgettable_before(front, since)),
    )
    chunks = _chunks(connection, source, marks.base_of(front, since), front, limit)
    return marks.count_debt(chunks, front, since, _watermark(connection, source), limit)


def _watermark(connection: Connection, source: str) -> int | None:
    """The number before the first one of the current epoch that is not settled; None when all are."""
    place = (source, cursor(connection, source=source).epoch)
    first = connection.execute(
        "SELECT min(first) FROM (SELECT min(first) AS first FROM deliveries WHERE source = ? AND epoch = ?"
        " UNION ALL SELECT min(first) FROM dead_letters WHERE source = ? AND epoch = ?)",
        place * 2,
    ).fetchone()[0]
    return None if first is None else first - 1


def _chunks(connection: Connection, source: str, base: int, front: Mark, limit: int) -> list[bytes]:
    """Packed pages from `base` on, ascending, until `limit` marks behind the front are among them."""
    chunks, counted = [], 0
    for first, chunk in connection.execute(
        "SELECT first, marks FROM marks WHERE source = ?"
        " AND first >= ifnull((SELECT max(first) FROM marks WHERE source = ? AND first <= ?), 0) ORDER BY first",
        (source, source, base),
    ):
        chunks.append(chunk)
        counted += len(chunk) // marks.MARK_SIZE if first > front.sequence else 0
        if counted >= limit:
            break
    return chunks
