"""Which rights the MySQL user of the engine lacks: found out by statements that touch no row. Blocking."""
# ruff: noqa: S608 - names are checked

import re
from collections.abc import Collection, Iterator

import pymysql

from adapters.sinks.mysql_catalog import botnet_types, grant
from adapters.sinks.schema import MYSQL_OWN_TABLES, communications_table, nodes_table
from adapters.sinks.wire import Wire, error_code

_DENIED = (1044, 1142, 1143, 1227)
_EMPTIED = ("dead_letters", "engine_trials")
"""The tables from which the engine deletes."""


def missing_rights(wire: Wire, accepted: Collection[str]) -> tuple[list[str], list[str]]:
    """See `adapters.sinks.database.Database`: each a line with the GRANT, or none."""
    present = botnet_types(wire)
    tables = [*MYSQL_OWN_TABLES, *(name(kind) for kind in present for name in (nodes_table, communications_table))]
    lacking = dict.fromkeys(lack for right, asked in _questions(tables) for lack in _denied(wire, asked, right))
    making = _denied(wire, MYSQL_OWN_TABLES["engine_trials"], "CREATE")
    if making and set(accepted) - set(present):
        lacking.update(dict.fromkeys(making))
    wrong = [f"database.url: the MySQL user lacks a right: {grant(wire, lacking)}"] if lacking else []
    later = (
        [f"a botnet type that has no tables will wait for: {grant(wire, making)}"] if making and not accepted else []
    )
    return wrong, later


def _questions(tables: Collection[str]) -> Iterator[tuple[str, str]]:
    """Statements, each with the right that it needs."""
    for table in tables:
        key = "name" if table == "engine_trials" else "id"
        yield "SELECT", f"SELECT 1 FROM `{table}` WHERE FALSE"
        yield "INSERT", f"INSERT INTO `{table}` SELECT * FROM `{table}` WHERE FALSE"
        yield "UPDATE", f"UPDATE `{table}` SET {key} = {key} WHERE FALSE"
    for table in _EMPTIED:
        yield "DELETE", f"DELETE FROM `{table}` WHERE FALSE"


def _denied(wire: Wire, statement: str, right: str) -> list[str]:
    """The rights that the server misses, in its own words where it has any."""
    try:
        wire.execute(statement)
    except pymysql.err.Error as error:
        if error_code(error) not in _DENIED:
            raise
        said = re.match(r"([A-Z, ]+) command denied", str(error.args[-1]))
        return said[1].split(", ") if said else [right]
    return []
