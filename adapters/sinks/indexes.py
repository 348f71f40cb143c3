"""Indexes for those who read the tables: the engine needs none of them, so no table has one unless somebody asks.

Each is paid for with every row written: `benchmarks/README.md` says how much. All are over one column; rows that are
alike in it follow one another nearly in the order of time, because the primary key stands behind it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from adapters.sinks.schema import communications_table, mysql_tables, nodes_table
from adapters.sinks.sqlite_schema import type_tables

_TABLES = {"communications": communications_table, "nodes": nodes_table}


class Index(NamedTuple):
    """One index that may be asked for by `name`: over a column of the communications, or of the nodes."""

    name: str
    of: str
    column: str

    def table(self, botnet_type: str) -> str:
        """The table it is on. Raises RejectedError for what is no botnet type."""
        return _TABLES[self.of](botnet_type)


INDEXES = {
    index.name: index
    for index in (
        Index("time", "communications", "communication_time"),
        Index("received", "communications", "received_at"),
        Index("node", "communications", "node_id"),
        Index("country", "communications", "country"),
        Index("city", "communications", "city"),
        Index("asn", "communications", "asn"),
        Index("node_seen", "nodes", "last_seen"),
        Index("node_country", "nodes", "country"),
        Index("node_asn", "nodes", "asn"),
        Index("node_status", "nodes", "status"),
    )
}
"""All that can be asked for, by name."""


def mysql_index(botnet_type: str, index: Index) -> str:
    """The statement that makes it while writers go on; a server that cannot do that refuses."""
    on = f"`{index.table(botnet_type)}` ({index.column})"
    return f"CREATE INDEX by_{index.column} ON {on} ALGORITHM=INPLACE LOCK=NONE"


def sqlite_index(botnet_type: str, index: Index) -> str:
    """The statement that makes it; writers wait meanwhile."""
    table = index.table(botnet_type)
    return f"CREATE INDEX {table}_by_{index.column} ON {table} ({index.column})"


def mysql_statements(botnet_type: str, names: Sequence[str]) -> list[str]:
    """What makes the tables of a botnet type with the indexes of these names in MySQL. Raises RejectedError."""
    return [*mysql_tables(botnet_type), *(mysql_index(botnet_type, INDEXES[name]) for name in names)]


def sqlite_statements(botnet_type: str, names: Sequence[str]) -> list[str]:
    """The same in SQLite."""
    return [*type_tables(botnet_type), *(sqlite_index(botnet_type, INDEXES[name]) for name in names)]
