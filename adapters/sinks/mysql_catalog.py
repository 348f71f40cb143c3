"""Making and looking up tables in MySQL. Blocking, and never inside the transaction of a write."""
# ruff: noqa: S608 - names are checked

from collections import Counter
from collections.abc import Collection, Sequence

import pymysql
from pymysql.constants import ER

from adapters.formats import check_format
from adapters.sinks.indexes import INDEXES, mysql_index
from adapters.sinks.mysql_layout import Column, Layout, Table, layout_of
from adapters.sinks.schema import (
    COMMUNICATIONS_PREFIX,
    FORMAT,
    MYSQL_OWN_TABLES,
    communications_table,
    is_botnet_type,
    mysql_tables,
    nodes_table,
)
from adapters.sinks.wire import Wire, error_code
from engine.errors import ConfigError, RejectedError

_LOCK_SECONDS = 10
_IDLE_SECONDS = 5
# One lock per database: names of locks are the server's, and at most 64 characters long.
_LOCK = "CONCAT('engine-tables:', MD5(DATABASE()))"


def make_database(name: str) -> str:
    """The statement that makes the database."""
    return f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4"


def make_own_tables(wire: Wire) -> None:
    """Make the tables of the engine that are missing; asks for no right where none is.

    Raises ConfigError, and makes none, where a newer engine has made the database one of its own.
    """
    present = table_names(wire)
    found = known_format(wire, present)
    for name, statement in MYSQL_OWN_TABLES.items():
        if name not in present:
            try:
                wire.execute(statement)
            except pymysql.err.Error as error:
                # An engine that was given no more than it needs goes on with the tables of an older one.
                if name != "engine_format" or error_code(error) != ER.TABLEACCESS_DENIED_ERROR:
                    raise
                return
    if found < FORMAT:
        wire.execute(
            f"INSERT INTO engine_format (id, version) VALUES (1, {FORMAT}) "
            f"ON DUPLICATE KEY UPDATE version = GREATEST(version, {FORMAT})"
        )
        wire.commit()


def known_format(wire: Wire, present: Collection[str]) -> int:
    """The format that a database with these tables carries, 0 where it carries none. Raises ConfigError for a newer."""
    found = 0
    if "engine_format" in present:
        try:
            found = wire.number("SELECT COALESCE(MAX(version), 0) FROM engine_format")
        except pymysql.err.Error as error:
            if error_code(error) != ER.TABLEACCESS_DENIED_ERROR:
                raise
            raise ConfigError(f"database.url: the MySQL user lacks a right: {grant(wire, ['SELECT'])}") from error
    check_format("database.url: the database", found, FORMAT)
    return found


def grant(wire: Wire, rights: Collection[str]) -> str:
    """The statement that gives these rights to the user of this connection."""
    database, account = wire.rows("SELECT DATABASE(), CURRENT_USER()")[0]
    user = "@".join(f"'{part}'" for part in str(account).rsplit("@", 1))
    return f"GRANT {', '.join(rights)} ON `{database}`.* TO {user};"


def table_names(wire: Wire) -> set[str]:
    """All tables of the database."""
    return {str(name) for (name,) in wire.rows(_tables_like("%"))}


def botnet_types(wire: Wire) -> list[str]:
    """The types that have a table of communications, by name; whatever else begins like one is somebody else's."""
    like = _tables_like(COMMUNICATIONS_PREFIX.replace("_", r"\_") + "%")
    tables = wire.rows(f"{like} AND TABLE_TYPE NOT IN ('VIEW', 'SEQUENCE')")
    names = (str(name).removeprefix(COMMUNICATIONS_PREFIX) for (name,) in tables)
    return sorted(filter(is_botnet_type, names))


def ensure_tables(wire: Wire, botnet_type: str, max_botnet_types: int, cuts: Counter[str]) -> Layout:
    """Read the layout of a type's tables; make them first where they are missing.

    Raises RejectedError where there are `max_botnet_types` already, UnavailableError where a table needs to be altered.
    """
    nodes = read_table(wire, nodes_table(botnet_type))
    communications = read_table(wire, communications_table(botnet_type))
    if nodes is None or communications is None:
        _make_tables(wire, botnet_type, max_botnet_types)
        nodes = read_table(wire, nodes_table(botnet_type))
        communications = read_table(wire, communications_table(botnet_type))
    wire.rollback()
    if nodes is None or communications is None:
        raise pymysql.err.ProgrammingError(ER.NO_SUCH_TABLE, f"tables of {botnet_type} are missing")
    return layout_of(nodes, communications, cuts)


def _make_tables(wire: Wire, botnet_type: str, max_botnet_types: int) -> None:
    # An engine that is frozen here, or whose host is gone, must not keep all others from making tables for hours: the
    # lock ends with its connection.
    wire.execute(f"SET @usual_wait = @@SESSION.wait_timeout, SESSION wait_timeout = {_IDLE_SECONDS}")
    if wire.rows(f"SELECT GET_LOCK({_LOCK}, {_LOCK_SECONDS})") != ((1,),):
        raise pymysql.err.OperationalError(ER.LOCK_WAIT_TIMEOUT, "another engine is making tables")
    try:
        present = botnet_types(wire)
        if botnet_type not in present and len(present) >= max_botnet_types:
            raise RejectedError(
                f"botnet type {botnet_type!r} would be one more than max_botnet_types = {max_botnet_types}"
            )
        for statement in mysql_tables(botnet_type):
            wire.execute(statement)
    finally:
        if wire.open:
            wire.rows(f"SELECT RELEASE_LOCK({_LOCK})")
            wire.execute("SET SESSION wait_timeout = @usual_wait")


def make_indexes(wire: Wire, botnet_type: str, names: Sequence[str]) -> list[str]:
    """Make those that are missing, of a type that has tables; return the statements."""
    made = []
    for index in map(INDEXES.__getitem__, names):
        leading = (
            "SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND SEQ_IN_INDEX = 1 "
            f"AND TABLE_NAME = '{index.table(botnet_type)}' AND COLUMN_NAME = '{index.column}'"
        )
        if not wire.number(leading):
            statement = mysql_index(botnet_type, index)
            wire.execute(statement)
            made.append(statement)
    return made


def read_table(wire: Wire, name: str) -> Table | None:
    """Describe a table; None where there is none. `name` is trusted."""
    here = f"TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{name}'"
    found = wire.rows(f"SELECT ENGINE FROM information_schema.TABLES WHERE {here}")
    if not found:
        return None
    columns = wire.rows(
        "SELECT COLUMN_NAME, CHARACTER_MAXIMUM_LENGTH, CHARACTER_SET_NAME, IS_NULLABLE, COLUMN_DEFAULT "
        f"FROM information_schema.COLUMNS WHERE {here}"
    )
    keys = wire.rows(
        "SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS "
        f"WHERE {here} AND NON_UNIQUE = 0 AND SUB_PART IS NULL ORDER BY INDEX_NAME, SEQ_IN_INDEX"
    )
    unique_keys: dict[str, tuple[str, ...]] = {}
    for key, column in keys:
        unique_keys[str(key)] = (*unique_keys.get(str(key), ()), str(column))
    return Table(name, str(found[0][0]), {column.name: column for column in map(_column, columns)}, unique_keys)


def _column(row: tuple[object, ...]) -> Column:
    name, length, charset, nullable, default = row
    return Column(
        name=str(name),
        length=None if length is None else int(str(length)),
        charset=None if charset is None else str(charset),
        nullable=nullable == "YES",
        # MariaDB writes an expression, MySQL a value.
        default=None if default in {None, "NULL"} else str(default).strip("'"),
    )


def _tables_like(pattern: str) -> str:
    return (
        "SELECT TABLE_NAME FROM information_schema.TABLES "
        f"WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE '{pattern}'"
    )
