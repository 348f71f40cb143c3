"""One write: batches of one botnet type into MySQL, exactly once, in one transaction.

The upsert of the nodes comes first. It locks every node of the batches, in the order of addresses, until the end of the
transaction, so that two writers never work on the same address at the same time; it adds all sightings as if they were
new. If the insert of the communications then finds some of them there, these are exactly the ones whose id is not
above the highest of before, and they are taken off again. The sum is checked before the commit.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import pymysql
from attrs import field, frozen
from pymysql.constants import ER

from adapters.sinks import mysql_statements as sql
from adapters.sinks.grouping import Address, by_address, outdated, owners, shares
from adapters.sinks.mysql_layout import Layout
from adapters.sinks.mysql_settling import remove_settled
from adapters.sinks.schema import check_texts, digest_of
from adapters.sinks.staging import INSERT, LOAD, Formatter, encode, quote, statements
from adapters.sinks.wire import Wire
from engine.delivery import Batch, Written
from engine.errors import EngineError, RejectedError
from engine.sighting import Facts, Rejected

_ROW_OVERHEAD = 8192
_CUT = " (original cut)"
_REASON_LENGTH = 1000

Finish = Callable[[Wire, Written], None]
"""What else belongs to the transaction of a write, told what the write did. Raises an EngineError to undo both."""


def nothing_more(_wire: Wire, _written: Written) -> None:
    """Most writes are whole without."""


@frozen
class TableWriter:
    """Writes into the tables of one botnet type. Blocking: it is used in the thread of a connection."""

    layout: Layout
    _formatter: Formatter = field(init=False, repr=False)

    @_formatter.default
    def _make_formatter(self) -> Formatter:
        return Formatter(self.layout)

    def write(self, wire: Wire, batches: Sequence[Batch], facts: Mapping[str, Facts], finish: Finish) -> list[Written]:
        """Write the batches, `finish`, and commit. After an error nothing is there and no transaction is open."""
        return _transaction(wire, lambda: self._write(wire, batches, facts), finish)

    def _write(self, wire: Wire, batches: Sequence[Batch], facts: Mapping[str, Facts]) -> list[Written]:
        addresses, firsts = by_address(batches)
        self._check(addresses)
        check_texts([], [batch.received_at for batch in batches])
        known = self._write_sightings(wire, addresses, facts) if addresses else []
        return _settle(wire, batches, shares(firsts, known))

    def _check(self, addresses: Sequence[Address]) -> None:
        times = [at for address in addresses for at in (*address.seen, *address.cleanups)]
        check_texts([address.ip for address in addresses], times)
        longest = max((address.ip for address in addresses), key=len, default="")
        if len(longest) > self.layout.ip_length:
            raise RejectedError(
                f"{longest} does not fit the column ip VARCHAR({self.layout.ip_length}) of {self.layout.nodes.name} "
                "or its communications: ALTER TABLE … MODIFY ip VARCHAR(45) …"
            )

    def _write_sightings(self, wire: Wire, addresses: Sequence[Address], facts: Mapping[str, Facts]) -> list[int]:
        """Return the batches of what the database knew before, one for each sighting."""
        _stage(wire, self._formatter.rows(addresses, facts))
        rows = sum(len(address.seen) for address in addresses)
        cleanups = {address.ip: address.cleanups for address in addresses if address.cleanups}
        wire.execute(sql.upsert_nodes(self.layout))
        newest = wire.number(sql.newest_communication(self.layout))
        inserted = wire.execute(sql.insert_communications(self.layout)) if rows else 0
        stale = self._mark_cleaned(wire, cleanups) if cleanups else []
        if not inserted and len(stale) == sum(map(len, cleanups.values())):
            # All of it was there before: not even `updated_at` moves.
            wire.rollback()
            return owners(addresses)
        return stale + self._subtract(wire, addresses, newest, rows - inserted) if inserted < rows else stale

    def _subtract(self, wire: Wire, addresses: Sequence[Address], newest: int, known: int) -> list[int]:
        """Take what was known before off the nodes again."""
        positions = [int(str(position)) for (position,) in wire.rows(sql.select_known(self.layout, newest))]
        if len(positions) != known:
            # Somebody writes without locking the nodes first, or deletes.
            raise pymysql.err.OperationalError(ER.CHECKREAD, "another program wrote the same communications meanwhile")
        wire.execute(sql.subtract(self.layout, positions))
        return _owners_at(addresses, positions)

    def _mark_cleaned(self, wire: Wire, cleanups: Mapping[str, Mapping[str, int]]) -> list[int]:
        """Return the batches of the reports that were no news."""
        before = {str(ip): None if at is None else str(at) for ip, at in wire.rows(sql.select_cleaned(self.layout))}
        stale = [place for ip, reports in cleanups.items() for place in outdated(reports, before[ip])]
        if len(stale) < sum(map(len, cleanups.values())):
            wire.execute(sql.mark_cleaned(self.layout))
        return stale


def write_rejected(wire: Wire, batches: Sequence[Batch], finish: Finish) -> list[Written]:
    """Write batches that hold rejected records only, `finish`, and commit."""
    return _transaction(wire, lambda: _settle(wire, batches, [0] * len(batches)), finish)


def _owners_at(addresses: Sequence[Address], positions: Sequence[int]) -> list[int]:
    """The batches of these rows of the stage, which has one for each sighting, and one for each mere cleanup."""
    rows = [kept for _, seen, _ in addresses for kept in (seen.values() or (None,))]
    return [kept.batch for position in positions if (kept := rows[position]) is not None]


def _transaction(wire: Wire, work: Callable[[], list[Written]], finish: Finish) -> list[Written]:
    try:
        written = work()
        finish(wire, reduce(Written.plus, written))
        wire.commit()
    except (pymysql.err.Error, OSError, EngineError):
        if wire.open:
            # Explicitly: a lock wait that timed out has rolled back its statement only.
            wire.rollback()
        raise
    return written


def _stage(wire: Wire, rows: Sequence[str]) -> None:
    wire.execute("TRUNCATE TABLE engine_stage")
    if wire.can_load:
        wire.can_load = wire.load(LOAD, encode("\n".join(rows)))
        if wire.can_load:
            return
    for statement in statements(INSERT, [encode(row) for row in rows], "", wire.statement_limit):
        wire.execute(statement)


def _settle(wire: Wire, batches: Sequence[Batch], written: Sequence[int]) -> list[Written]:
    """Dead letters and ledger rows; what became of each batch."""
    prefix = (
        "INSERT INTO engine_ledger (source, epoch, `first`, `last`, part, name, botnet_type, "
        "received, written, duplicates, rejected, created_time) VALUES "
    )
    rows = [_ledger_row(batch, new) for batch, new in zip(batches, written, strict=True)]
    for statement in statements(prefix, rows, " ON DUPLICATE KEY UPDATE id = id", wire.statement_limit):
        wire.execute(statement)
    dead = [_write_dead_letters(wire, batch) if batch.rejected else 0 for batch in batches]
    return [
        Written(new, len(batch.sightings) - new, letters)
        for batch, new, letters in zip(batches, written, dead, strict=True)
    ]


def _ledger_row(batch: Batch, written: int) -> bytes:
    place = f"{_text(batch.source)},{batch.epoch:d},{batch.first:d},{batch.last:d},{batch.part:d}"
    counts = f"{batch.size:d},{written:d},{len(batch.sightings) - written:d},{len(batch.rejected):d}"
    return f"{place},{_text(batch.name)},{_text(batch.botnet_type[:40])},{counts},UTC_TIMESTAMP()".encode()


def _write_dead_letters(wire: Wire, batch: Batch) -> int:
    rows = [_dead_letter(batch, rejected, wire.statement_limit) for rejected in batch.rejected]
    prefix = (
        "INSERT INTO dead_letters "
        "(source, epoch, position, digest, stage, reason, attempts, original, botnet_type, created_time) VALUES "
    )
    chunks = statements(prefix, rows, " ON DUPLICATE KEY UPDATE id = id", wire.statement_limit)
    inserted = sum(wire.execute(statement) for statement in chunks)
    if not inserted:
        return 0
    keys = [(batch.source, rejected.position, digest_of(rejected.original)) for rejected in batch.rejected]
    return inserted - remove_settled(wire, keys)


def _dead_letter(batch: Batch, rejected: Rejected, limit: int) -> bytes:
    """The row of a dead letter. An original larger than a statement may be is cut, and the reason says so."""
    room = (limit - _ROW_OVERHEAD) // 2
    original, reason = rejected.original, rejected.reason[:_REASON_LENGTH]
    if len(original) > room:
        original, reason = original[:room], reason[: _REASON_LENGTH - len(_CUT)] + _CUT
    fields = (
        _text(batch.source), f"{batch.epoch:d}", _text(rejected.position),
        _text(digest_of(rejected.original)), _text(rejected.stage), _text(reason),
        f"{rejected.attempts:d}", f"X'{original.hex()}'", _text(batch.botnet_type[:40]), "UTC_TIMESTAMP()",
    )  # fmt: skip
    return ",".join(fields).encode()


def _text(text: str) -> str:
    """A text as a literal; a half surrogate, which is none, becomes `?`: a dead letter must not be refused."""
    return quote(text.encode(errors="replace").decode())
