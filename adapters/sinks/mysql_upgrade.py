"""Bringing the tables of an old MySQL installation to the present layout, one statement a table.

What is there says what is missing: whatever interrupts an upgrade, the next one goes on with what is left. A statement
takes effect whole or not at all, as the server promises. One upgrade at a time holds a lock of the server, which ends
with its connection: not before the statement of a client that was killed has ended.
"""
# ruff: noqa: S608 - names are checked

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

import pymysql
import trio
from attrs import define, field

from adapters.sinks.connection import Session, translated
from adapters.sinks.mysql_catalog import botnet_types, known_format, read_table, table_names
from adapters.sinks.mysql_url import MysqlUrl, parse_url
from adapters.sinks.schema import MYSQL_OWN_TABLES, communications_table, nodes_table
from adapters.sinks.upgrade_plan import Change, OldTable, change_of_communications, change_of_nodes
from adapters.sinks.wire import Wire, error_code
from engine.errors import ConfigError, EngineError, UnavailableError
from engine.ports import Headway, SchemaStep

_ALTERING_SECONDS = 86_400.0
_LOCK = "CONCAT('engine-upgrade:', MD5(DATABASE()))"
_LOCK_SECONDS = 5
_LOOK_SECONDS = 2.0
_BUSY_SECONDS = 60.0
_PROBE = "engine_upgrade_probe"
_IMPOSSIBLE = {1845, 1846}
"""The server's answers where a way is not open to it, without and with a reason."""
# Old tables may hold a zero as a date, which is kept as it is; what is shown of them is read by its quotes.
_SESSION = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', sql_quote_show_create = 1"
# Stages are MariaDB's, and so is the second number, in hundredths of a percent: for ALGORITHM=INPLACE it has no stages.
# That is one for the whole server: while our statement waits for another's, it may tell of that one.
_LOOK = (
    "SELECT STAGE, MAX_STAGE, PROGRESS, COALESCE((SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS "
    "WHERE VARIABLE_NAME = 'INNODB_ONLINEDDL_PCT_PROGRESS'), 0) FROM information_schema.PROCESSLIST "
    f"WHERE ID = IS_USED_LOCK({_LOCK})"
)
T = TypeVar("T")


class _Way(NamedTuple):
    """How a server may go about an ALTER TABLE."""

    clause: str
    is_rewriting: bool
    is_blocking: bool


_WAYS = (
    _Way("ALGORITHM=INSTANT", is_rewriting=False, is_blocking=False),
    _Way("ALGORITHM=INPLACE, LOCK=NONE", is_rewriting=True, is_blocking=False),
    _Way("ALGORITHM=INPLACE, LOCK=SHARED", is_rewriting=True, is_blocking=True),
    _Way("ALGORITHM=COPY, LOCK=SHARED", is_rewriting=True, is_blocking=True),
)


@define(eq=False)
class MysqlUpgrade:
    """The upgrade of one database: see `engine.ports.SchemaUpgrade`."""

    url: MysqlUrl
    _session: Session = field(repr=False)
    _beside: Session = field(repr=False)
    _looks_again_at: float = field(default=0.0, repr=False)

    async def plan(self) -> list[SchemaStep]:
        return await self._run(_plan)

    async def carry_out(self, step: SchemaStep) -> None:
        await self._run(lambda wire: wire.execute(step.statement))

    async def headway(self) -> Headway | None:
        await trio.lowlevel.checkpoint()
        if trio.current_time() < self._looks_again_at:
            return None
        with trio.move_on_after(_LOOK_SECONDS):
            try:
                return headway_of(await self._beside.run(lambda wire: wire.rows(_LOOK)))
            except (pymysql.err.Error, OSError, EngineError):
                self._looks_again_at = math.inf  # a server that cannot say: it is not asked for hours, over and over
                return None
        self._looks_again_at = trio.current_time() + _BUSY_SECONDS
        return None

    async def lock(self) -> None:
        """Be the only upgrade of this database. Raises UnavailableError where another one is."""
        await self._ask(_lock)

    async def _run(self, work: Callable[[Wire], T]) -> T:
        def locked(wire: Wire) -> T:
            if not wire.number(f"SELECT COALESCE(IS_USED_LOCK({_LOCK}) = CONNECTION_ID(), 0)"):
                raise UnavailableError("the connection to the server was lost meanwhile: start the upgrade again")
            try:
                return work(wire)
            finally:
                if wire.open:
                    wire.rollback()  # whoever is asked now shall not have tables locked

        return await self._ask(locked)

    async def _ask(self, work: Callable[[Wire], T]) -> T:
        try:
            return await self._session.run(work)
        except (pymysql.err.Error, OSError) as error:
            raise translated(error, self.url) from error


@asynccontextmanager
async def open_upgrade(url: str) -> AsyncIterator[MysqlUpgrade]:
    """Connect, and be the only upgrade. Raises UnavailableError, or RejectedError where the server refuses."""
    parsed = parse_url(url)
    session = Session(parsed, local_infile=False, preparation=(_SESSION,), answer_seconds=_ALTERING_SECONDS)
    beside = Session(parsed, local_infile=False, preparation=("SET SESSION autocommit = 1",))
    try:
        upgrade = MysqlUpgrade(parsed, session, beside)
        await upgrade.lock()
        yield upgrade
    finally:
        await beside.aclose()
        await session.aclose()


def headway_of(rows: Sequence[Sequence[object]]) -> Headway | None:
    """What the server's list of processes says of a statement: stage, of how many, its %, or that of one without."""
    try:
        ((stage, stages, share, online),) = [[float(str(value)) for value in row] for row in rows]
    except ValueError:
        return None
    if stages:
        return Headway(share, 100, f"stage {stage:.0f} of {stages:.0f}" if stages > 1 else "")
    return Headway(online / 100, 100) if online else None


def _lock(wire: Wire) -> None:
    if wire.rows(f"SELECT GET_LOCK({_LOCK}, {_LOCK_SECONDS})") == ((1,),):
        return
    ((holder,),) = wire.rows(f"SELECT IS_USED_LOCK({_LOCK})")
    raise UnavailableError(
        f"another upgrade is under way in the server's connection {holder}, or the statement of one that was killed: "
        f"wait for its end, or end it with KILL {holder};"
    )


def _plan(wire: Wire) -> list[SchemaStep]:
    present = table_names(wire)
    known_format(wire, present)
    known = {str(name) for (name,) in wire.rows("SELECT COLLATION_NAME FROM information_schema.COLLATIONS")}
    changes: list[Change | None] = [
        Change(name, making=making) for name, making in MYSQL_OWN_TABLES.items() if name not in present
    ]
    for kind in botnet_types(wire):
        changes.append(change_of_nodes(kind, _read(wire, nodes_table(kind)), known))
        changes.append(change_of_communications(kind, _read(wire, communications_table(kind)), known))
    needed = [change for change in changes if change is not None]
    for change in needed:
        _check_duplicates(wire, change)
    wire.rollback()
    return [_step(wire, change) for change in needed]


def _read(wire: Wire, name: str) -> OldTable | None:
    table = read_table(wire, name)
    if table is None:
        return None
    shown = wire.rows(f"SHOW CREATE TABLE `{name}`")[0][1]
    collations = wire.rows(
        "SELECT COLUMN_NAME, COLLATION_NAME FROM information_schema.COLUMNS "
        f"WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{name}' AND COLLATION_NAME IS NOT NULL"
    )
    cramped = wire.rows(
        "SELECT DISTINCT COLUMN_NAME FROM information_schema.STATISTICS JOIN information_schema.TABLES "
        f"USING (TABLE_SCHEMA, TABLE_NAME) WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{name}' "
        "AND ROW_FORMAT IN ('Compact', 'Redundant') AND SUB_PART IS NULL"
    )
    tied = wire.rows(
        "SELECT COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE "
        f"WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{name}' AND REFERENCED_TABLE_NAME IS NOT NULL "
        "UNION SELECT REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE "
        f"WHERE REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME = '{name}'"
    )
    return OldTable(
        table=table,
        shown=str(shown),
        collations={str(column): str(collation) for column, collation in collations},
        tied={str(column) for (column,) in tied},
        cramped={str(column) for (column,) in cramped},
    )


def _check_duplicates(wire: Wire, change: Change) -> None:
    """Raise ConfigError, with a query that shows them, where rows are in the way of a unique key."""
    for key in change.keys:
        columns, there = ", ".join(key), " AND ".join(f"{column} IS NOT NULL" for column in key)
        query = (
            f"SELECT {columns}, COUNT(*) AS copies FROM `{change.table}` WHERE {there} "
            f"GROUP BY {columns} HAVING COUNT(*) > 1"
        )
        if wire.rows(f"{query} LIMIT 1"):
            raise ConfigError(
                f"table {change.table} needs a unique key over ({columns}), and has rows that are alike in it: nothing "
                f"was changed; decide which of them stay, delete the others and start again. This shows them:\n{query};"
            )


def _step(wire: Wire, change: Change) -> SchemaStep:
    if change.making:
        return SchemaStep(change.table, change.making, is_new=True)
    rows, size = wire.rows(
        "SELECT COALESCE(TABLE_ROWS, 0), COALESCE(DATA_LENGTH + INDEX_LENGTH, 0) FROM information_schema.TABLES "
        f"WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{change.table}'"
    )[0]
    way = _way_of(wire, change)
    statement = f"{change.statement},\n  {way.clause}"
    return SchemaStep(
        table=change.table,
        statement=statement,
        rows=int(str(rows)),
        size=int(str(size)),
        is_rewriting=way.is_rewriting,
        is_blocking=way.is_blocking,
    )


def _way_of(wire: Wire, change: Change) -> _Way:
    """The first way that this server takes on an empty table of the same layout."""
    wire.execute(f"DROP TABLE IF EXISTS {_PROBE}")
    wire.execute(f"CREATE TABLE {_PROBE} LIKE `{change.table}`")
    try:
        for way in _WAYS[:-1]:
            try:
                wire.execute(f"ALTER TABLE {_PROBE} {', '.join(change.clauses)}, {way.clause}")
            except pymysql.err.Error as error:
                if error_code(error) not in _IMPOSSIBLE:
                    raise
            else:
                return way
        wire.execute(f"ALTER TABLE {_PROBE} {', '.join(change.clauses)}, {_WAYS[-1].clause}")
    finally:
        if wire.open:
            wire.execute(f"DROP TABLE IF EXISTS {_PROBE}")
    return _WAYS[-1]
