"""One write: batches of one botnet type into MySQL, exactly once, in one transaction.

The upsert of the nodes comes first. It locks every node of the batches, in the order of addresses, until the end of the
transaction, so that two writers never work on the same address at the same time; it adds all sightings as if they were
new. Then the sightings go straight into the communications, and those that the unique key did not let in are taken off
the nodes again. LOAD DATA tells which these were by its warnings; where it is not allowed, or its warnings cannot be
read, they are the ones whose id is not above the highest of before. The sum is checked either way.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce

import pymysql
from attrs import field, frozen
from pymysql.constants import ER

from adapters.sinks import mysql_statements as sql
from adapters.sinks.grouping import Communication, Grouped, Head, Seen, by_address, outdated, shares
from adapters.sinks.literals import encode, quote, statements
from adapters.sinks.mysql_layout import UPGRADE, Layout
from adapters.sinks.mysql_rows import Formatter, Rows
from adapters.sinks.mysql_settling import remove_settled
from adapters.sinks.schema import check_texts, digest_of
from adapters.sinks.wire import Loaded, Wire
from engine.delivery import Batch, Written
from engine.errors import EngineError, RejectedError
from engine.sighting import Facts, Rejected

_ROW_OVERHEAD = 8192
_CUT = " (original cut)"
_REASON_LENGTH = 1000
_ENTRY = re.compile(r"'(?P<ip>[0-9a-f.:]+)-(?P<at>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8})'")

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
        told = by_address(batches)
        heads = told.heads()
        self._check(heads, [*told.said(), *(batch.received_at for batch in batches)])
        known = self._write_sightings(wire, told, self._formatter.rows(told, heads, facts)) if heads else []
        return _settle(wire, batches, shares(told.firsts, known))

    def _check(self, heads: Sequence[Head], times: Sequence[str]) -> None:
        ips = [head.ip for head in heads]
        check_texts(ips, times)
        longest = max(ips, key=len, default="")
        if len(longest) > self.layout.ip_length:
            raise RejectedError(
                f"{longest} does not fit the column ip VARCHAR({self.layout.ip_length}) of {self.layout.nodes.name} "
                f"or its communications: {UPGRADE} widens it to VARCHAR(45), then retry this dead letter"
            )

    def _write_sightings(self, wire: Wire, told: Grouped, rows: Rows) -> list[int]:
        """Return the batches of what the database knew before, one for each sighting."""
        _send(wire, sql.upsert_nodes(self.layout), rows.heads)
        known = self._insert(wire, told, rows) if told.seen else []
        stale = self._mark_cleaned(wire, told.cleanups, rows.cleaned) if told.cleanups else []
        if len(known) == len(told.seen) and len(stale) == sum(map(len, told.cleanups.values())):
            # All of it was there before: not even `updated_at` moves.
            wire.rollback()
            return told.owners()
        for statement in sql.subtract(self.layout, Counter(ip for ip, _ in known)):
            wire.execute(statement)
        return stale + [told.seen[communication].batch for communication in known]

    def _insert(self, wire: Wire, told: Grouped, rows: Rows) -> Sequence[Communication]:
        """Insert the sightings; return those that were there before."""
        if wire.can_load:
            loaded = wire.load(sql.load_communications(self.layout, rows.columns), encode("\n".join(rows.sightings)))
            if loaded is None:
                wire.can_load = False
            else:
                return _refused(wire, loaded, told.seen)
        times = told.times()
        ids = dict(_pairs(wire, sql.select_ids(self.layout, list(times))))
        sightings = [f"{ids[ip]},{row}" for (ip, _), row in zip(told.seen, rows.sightings, strict=True)]
        newest = wire.number(sql.newest_communication(self.layout))
        inserted = _send(wire, sql.insert_communications(self.layout, rows.columns), sightings)
        if inserted == len(sightings):
            return []
        known = [(ip, str(at)) for ip, at in _pairs(wire, sql.select_known(self.layout, times, newest))]
        if len(known) != len(sightings) - inserted:
            # Somebody writes without locking the nodes first, or deletes.
            raise pymysql.err.OperationalError(ER.CHECKREAD, "another program wrote the same communications meanwhile")
        return known

    def _mark_cleaned(self, wire: Wire, reports: Mapping[str, Mapping[str, int]], rows: Mapping[str, str]) -> list[int]:
        """Return the batches of the reports that were no news."""
        before = dict(_pairs(wire, sql.select_cleaned(self.layout, list(reports))))
        stale = {ip: outdated(cleanups, before[ip]) for ip, cleanups in reports.items()}
        moved = [rows[ip] for ip, cleanups in reports.items() if len(stale[ip]) < len(cleanups)]
        _send(wire, sql.mark_cleaned(self.layout), moved)
        return [place for places in stale.values() for place in places]


def write_rejected(wire: Wire, batches: Sequence[Batch], finish: Finish) -> list[Written]:
    """Write batches that hold rejected records only, `finish`, and commit."""
    return _transaction(wire, lambda: _settle(wire, batches, [0] * len(batches)), finish)


def _refused(wire: Wire, loaded: Loaded, seen: Mapping[Communication, Seen]) -> Sequence[Communication]:
    """The sightings that the unique key did not let in."""
    damage = next((warning for warning in loaded.warnings if warning.code != ER.DUP_ENTRY), None)
    if damage is not None:
        raise pymysql.err.DataError(damage.code, damage.text)
    entries = (_ENTRY.search(text) for _, text in loaded.warnings)
    known = [(found["ip"], found["at"]) for found in entries if found is not None]
    if len(known) != len(seen) - loaded.inserted or not seen.keys() >= set(known):
        # Another key is in the way, or the server words it differently: find out in the slower way.
        wire.can_load = False
        raise pymysql.err.OperationalError(ER.CHECKREAD, "the warnings of LOAD DATA do not tell what was there")
    return known


def _pairs(wire: Wire, queries: Iterable[str]) -> list[tuple[str, str | None]]:
    """What the queries find: an address and something about it."""
    found = (row for query in queries for row in wire.rows(query))
    return [(str(ip).lower(), None if value is None else str(value)) for ip, value in found]


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


def _send(wire: Wire, around: tuple[str, str], rows: Sequence[str]) -> int:
    """Send rows in as many statements as they need; return the affected ones."""
    prefix, suffix = around
    return sum(wire.execute(statement) for statement in statements(prefix, rows, suffix, wire.statement_limit))


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


def _ledger_row(batch: Batch, written: int) -> str:
    place = f"{_text(batch.source)},{batch.epoch:d},{batch.first:d},{batch.last:d},{batch.part:d}"
    counts = f"{batch.size:d},{written:d},{len(batch.sightings) - written:d},{len(batch.rejected):d}"
    return f"{place},{_text(batch.name)},{_text(batch.botnet_type[:40])},{counts},UTC_TIMESTAMP()"


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


def _dead_letter(batch: Batch, rejected: Rejected, limit: int) -> str:
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
    return ",".join(fields)


def _text(text: str) -> str:
    """A text as a literal; a half surrogate, which is none, becomes `?`: a dead letter must not be refused."""
    return quote(text.encode(errors="replace").decode())
