"""What the audit asks a MySQL database. Blocking."""
# ruff: noqa: S608 - names are checked, texts quoted

from collections.abc import Collection

from adapters.sinks.ledger import chunks, ledger_row, pieces_of
from adapters.sinks.literals import quote
from adapters.sinks.mysql_catalog import botnet_types, read_table
from adapters.sinks.schema import communications_table, nodes_table
from adapters.sinks.wire import Wire
from engine.audit import Counters, LedgerRow, LedgerTotal


def ledger_rows(wire: Wire, names: Collection[str]) -> list[LedgerRow]:
    """The rows of these batches and of their pieces."""
    found = [row for chunk in chunks(names) for row in wire.rows(_rows_of(list(chunk)))]
    return [ledger_row(str(name), *(int(str(number)) for number in numbers)) for name, *numbers in found]


def _rows_of(names: list[str]) -> str:
    spans = [tuple(map(quote, pieces_of(name))) for name in names]
    pieces = " OR ".join(f"name > {low} AND name < {high}" for low, high in spans)
    columns = "name, received, written, duplicates, rejected"
    whole = ", ".join(map(quote, names))
    return (
        f"SELECT {columns} FROM engine_ledger WHERE name IN ({whole}) "
        f"UNION ALL SELECT {columns} FROM engine_ledger WHERE {pieces}"
    )


def ledger_totals(wire: Wire, since: str | None) -> list[LedgerTotal]:
    """Sum up the ledger per source."""
    where = "" if since is None else f"WHERE created_time >= {quote(since)} "
    first_time = ", ".join(
        f"SUM(IF(part < 0, 0, {column}))" for column in ("received", "written", "duplicates", "rejected")
    )
    rows = wire.rows(
        f"SELECT source, {first_time}, SUM(IF(part < 0, received, 0)), "
        f"SUM(received <> written + duplicates + rejected) FROM engine_ledger {where}GROUP BY source ORDER BY source"
    )
    return [LedgerTotal(str(source), *(int(str(number)) for number in numbers)) for source, *numbers in rows]


def counters(wire: Wire) -> list[Counters]:
    """Per botnet type, both numbers of the same moment: one statement each."""
    return [_counters(wire, kind) for kind in botnet_types(wire) if read_table(wire, nodes_table(kind)) is not None]


def _counters(wire: Wire, kind: str) -> Counters:
    ((counted, rows),) = wire.rows(
        f"SELECT (SELECT COALESCE(SUM(communication_count), 0) FROM `{nodes_table(kind)}`), "
        f"(SELECT COUNT(*) FROM `{communications_table(kind)}`)"
    )
    return Counters(kind, int(str(counted)), int(str(rows)))
