"""What a table of an old installation lacks of the present layout, as one statement. Pure.

A column keeps all that the server shows of it but its width and character set: default, comment, whether it may be
NULL. Nothing is narrowed, dropped or renamed; indexes that are there stay, and so do columns of a foreign key.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from attrs import frozen

from adapters.sinks.mysql_layout import NEEDED_IN_COMMUNICATIONS, NEEDED_IN_NODES, Column, Table
from adapters.sinks.schema import TEXT_WIDTHS, communications_table, mysql_tables, nodes_table
from engine.errors import ConfigError

_ADDRESS = "VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin"
_SHOWN = re.compile(
    r"^\s+`(?P<name>\w+)` (?P<type>\w+(?:\((?:\d+|'(?:[^']|'')*'(?:,'(?:[^']|'')*')*)\))?(?: unsigned)?)"
    r"(?: CHARACTER SET \w+)?(?: COLLATE \w+)?(?P<rest>.*?),?$",
    re.MULTILINE,
)
_NEW = re.compile(r"^  (?P<name>[a-z_]+) (?P<definition>[A-Z].*?),?$", re.MULTILINE)
_VARCHAR = re.compile(r"VARCHAR\(\d+\)")
_WORDS = re.compile(r"(?:enum|set)\(")
_BYTES = re.compile(r"\w*(?:binary|blob)\b")
_CRAMPED_SIZE = 767 // 4
"""So many characters go into an index of a table in one of the first two row formats of InnoDB."""
_IDS = ("id", "node_id")
"""Every write takes some, of which not all are used: 2,147,483,647 do not last for ever."""
_INT = re.compile(r"(?:tiny|small|medium)?int\b")
_SIGNED = re.compile(r"(?:tiny|small|medium)?int(?:\(\d+\))?|(?:tiny|small|medium)int.*")


class Shown(NamedTuple):
    """A column as SHOW CREATE TABLE writes it: its type, and what follows the character set."""

    type: str
    rest: str


@frozen
class OldTable:
    """A table as it is in the server.

    `collations` are those of its text columns; `tied` are the columns of a foreign key, which no server alters;
    `cramped` are those of an index, where the row format is one of the first two of InnoDB.
    """

    table: Table
    shown: str
    collations: Mapping[str, str]
    tied: Collection[str] = ()
    cramped: Collection[str] = ()


class Change(NamedTuple):
    """What one table needs: `clauses` of one ALTER TABLE, of which some add `keys`; or the statement that makes it."""

    table: str
    clauses: Sequence[str] = ()
    keys: Sequence[tuple[str, ...]] = ()
    making: str = ""

    @property
    def statement(self) -> str:
        """The statement, without the way in which the server is to go about it."""
        return self.making or f"ALTER TABLE `{self.table}`\n  " + ",\n  ".join(self.clauses)


def change_of_nodes(botnet_type: str, old: OldTable | None, known: Collection[str]) -> Change | None:
    """What the table of addresses needs; None where it needs nothing. `known` are the server's collations.

    Raises ConfigError for a table that is of no layout the engine knows.
    """
    making, _ = mysql_tables(botnet_type)
    if old is None:
        return Change(nodes_table(botnet_type), making=making)
    return _change(old, NEEDED_IN_NODES, making, ("ip",), known)


def change_of_communications(botnet_type: str, old: OldTable | None, known: Collection[str]) -> Change | None:
    """The same for the table of sightings."""
    _, making = mysql_tables(botnet_type)
    if old is None:
        return Change(communications_table(botnet_type), making=making)
    return _change(old, NEEDED_IN_COMMUNICATIONS, making, ("ip", "communication_time"), known)


def _change(
    old: OldTable, needed: Sequence[str], making: str, key: tuple[str, ...], known: Collection[str]
) -> Change | None:
    if not old.shown.startswith("CREATE TABLE"):
        raise ConfigError(f"{old.table.name} is no table of rows: it is of no layout that can be upgraded")
    missing = [name for name in needed if name not in old.table.columns]
    if missing:
        raise ConfigError(
            f"table {old.table.name} lacks the columns {', '.join(missing)}: it is of no layout that can be upgraded"
        )
    clauses = [] if old.table.engine == "InnoDB" else ["ENGINE = InnoDB"]
    columns = list(_columns(old, making, known))
    wide = {f"MODIFY {name} " for name in old.cramped if TEXT_WIDTHS.get(name, 0) > _CRAMPED_SIZE}
    clauses += ["ROW_FORMAT = DYNAMIC"] if any(clause.startswith(tuple(wide)) for clause in columns) else []
    clauses += columns
    keys = [] if key in old.table.unique_keys.values() else [key]
    clauses += [f"ADD UNIQUE KEY unique_{'_'.join(each)} ({', '.join(each)})" for each in keys]
    return Change(old.table.name, clauses, keys) if clauses else None


def _columns(old: OldTable, making: str, known: Collection[str]) -> Iterator[str]:
    shown = {found["name"]: Shown(found["type"], found["rest"]) for found in _SHOWN.finditer(old.shown)}
    for found in _NEW.finditer(making):
        name, definition = found["name"], found["definition"]
        if name not in old.table.columns:
            yield f"ADD COLUMN {name} {_added(definition)}"
        elif not shown[name].rest.startswith(" GENERATED ") and name not in old.tied:
            yield from _modified(old, old.table.columns[name], shown[name], known)


def _added(definition: str) -> str:
    """A column of new tables for an old one: its rows have no value for it, and its own character set may be any."""
    if "DEFAULT" not in definition:
        definition = definition.replace("NOT NULL", "NULL")
    return definition if "CHARACTER SET" in definition else _VARCHAR.sub(r"\g<0> CHARACTER SET utf8mb4", definition)


def _modified(old: OldTable, column: Column, shown: Shown, known: Collection[str]) -> Iterator[str]:
    name, collation = column.name, old.collations.get(column.name, "")
    if name == "ip":
        if column.is_narrow or collation != "ascii_bin":
            yield f"MODIFY ip {_ADDRESS}{shown.rest}"
    elif column.is_narrow and not _BYTES.match(shown.type):
        wanted, length = TEXT_WIDTHS[name], column.length or 0
        is_to_be_text = length < wanted or _WORDS.match(shown.type)
        wide = f"VARCHAR({max(wanted, length)})" if is_to_be_text else shown.type
        yield f"MODIFY {name} {wide} CHARACTER SET utf8mb4 COLLATE {_wide_collation(collation, known)}{shown.rest}"
    elif name == "asn" and _SIGNED.fullmatch(shown.type):
        yield f"MODIFY asn INT UNSIGNED{shown.rest}"
    elif name in _IDS and _INT.match(shown.type):
        yield f"MODIFY {name} BIGINT UNSIGNED{shown.rest}"


def _wide_collation(collation: str, known: Collection[str]) -> str:
    """The same order of texts in utf8mb4, where the server has it."""
    wide = "utf8mb4_" + collation.partition("_")[2]
    return wide if wide in known or wide == collation else "utf8mb4_general_ci"
