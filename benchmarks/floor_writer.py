"""One connection of the floor: a batch a transaction, exact whatever was there before.

The addresses of a batch go into a temporary table in memory by LOAD DATA, and from there into the nodes by one upsert.
The sightings go by LOAD DATA straight into the communications, with the node's id looked up on the way in. What was
there before shows as a warning a row, and is taken off the counters again. Cleanups and dead letters are left out.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Self

from pymysql.constants import CLIENT, ER

from adapters.sinks.schema import communications_table, nodes_table
from adapters.sinks.wire import Warned, Wire
from benchmarks.floor_rows import Rows

RECEIVED_AT = "'2026-01-01 00:00:00'"
TIME_LENGTH = len("-2026-01-01 00:00:00")
TYPES = {
    "longitude": "DOUBLE", "latitude": "DOUBLE", "asn": "INT UNSIGNED", "is_china": "BOOLEAN",
    "country_code": "CHAR(2) CHARACTER SET ascii",
}  # fmt: skip
"""Of the fact columns in the temporary table; all others are texts."""
SESSION = (
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION time_zone = '+00:00', max_error_count = 5000",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION'",
)
FORMAT = (
    r"CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\'' ESCAPED BY '\\' "
    r"LINES TERMINATED BY '\n'"
)


class Writer:
    """A connection to one database; `columns` are the fact columns that its rows carry."""

    def __init__(self, port: int, database: str, columns: Sequence[str]) -> None:
        self._columns = columns
        self._wire = Wire(
            host="127.0.0.1", port=port, user="root", database=database, charset="utf8mb4", autocommit=False,
            ssl_disabled=True, client_flag=CLIENT.LOCAL_FILES,
        )  # fmt: skip
        for statement in (*SESSION, stage(columns)):
            self._wire.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()

    @property
    def thread(self) -> int:
        """The server's thread behind this connection, as the kernel numbers it."""
        return self._wire.number("SELECT TID FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()")

    def write(self, rows: Rows) -> None:
        """Write one batch and commit."""
        wire = self._wire
        wire.execute("TRUNCATE TABLE heads")
        assert wire.load(load_heads(self._columns), rows.heads)
        wire.execute(upsert_nodes(rows.kind, self._columns))
        loaded = wire.load(load_communications(rows.kind, self._columns), rows.sightings)
        assert loaded is not None
        if loaded.warnings:
            wire.execute(subtract(rows.kind, known(loaded.warnings)))
        wire.commit()


def known(warnings: Sequence[Warned]) -> Counter[str]:
    """How many sightings of each address were refused by the unique key."""
    refused: Counter[str] = Counter()
    for code, text in warnings:
        assert code == ER.DUP_ENTRY, text
        refused[text.split("'")[1][:-TIME_LENGTH]] += 1
    return refused


def stage(columns: Sequence[str]) -> str:
    """The temporary table: a row per address."""
    facts = "".join(f", {name} {TYPES.get(name, 'VARCHAR(255)')}" for name in columns)
    return (
        "CREATE TEMPORARY TABLE heads (ip VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        f"n INT, first_seen DATETIME, last_seen DATETIME{facts}) ENGINE=MEMORY DEFAULT CHARACTER SET utf8mb4"
    )


def load_heads(columns: Sequence[str]) -> str:
    """Fill it."""
    into = ", ".join(["ip", "n", "first_seen", "last_seen", *columns])
    return f"LOAD DATA LOCAL INFILE 'rows' INTO TABLE heads {FORMAT} ({into})"


def upsert_nodes(kind: str, columns: Sequence[str]) -> str:
    """Count the batch's sightings as if all were new. Reads `last_seen` before it changes it: left to right."""
    t = f"`{nodes_table(kind)}`"
    newer = f"s.last_seen > {t}.last_seen"
    changes = [
        *[f"{t}.{name} = IF({newer}, s.{name}, {t}.{name})" for name in columns],
        f"{t}.updated_at = UTC_TIMESTAMP()",
        f"{t}.status = IF({newer}, 'active', {t}.status)",
        f"{t}.first_seen = LEAST({t}.first_seen, s.first_seen)",
        f"{t}.last_seen = GREATEST({t}.last_seen, s.last_seen)",
        f"{t}.communication_count = {t}.communication_count + s.n",
    ]
    into = ", ".join(["ip", *columns, "first_seen", "last_seen", "communication_count"])
    values = ", ".join(["s.ip", *[f"s.{name}" for name in columns], "s.first_seen", "s.last_seen", "s.n"])
    return f"INSERT INTO {t} ({into}) SELECT {values} FROM heads s ON DUPLICATE KEY UPDATE {', '.join(changes)}"


def load_communications(kind: str, columns: Sequence[str]) -> str:
    """Insert the sightings; one that is there is a warning, and so is a damaged value."""
    table, into = communications_table(kind), ", ".join(["ip", "communication_time", *columns])
    node = f"(SELECT n.id FROM `{nodes_table(kind)}` n WHERE n.ip = `{table}`.ip)"
    return (
        f"LOAD DATA LOCAL INFILE 'rows' INTO TABLE `{table}` {FORMAT} ({into}) "
        f"SET received_at = {RECEIVED_AT}, node_id = {node}"
    )


def subtract(kind: str, known: Counter[str]) -> str:
    """Take what was there before off the counters."""
    cases = " ".join(f"WHEN '{ip}' THEN {count}" for ip, count in known.items())
    addresses = ", ".join(f"'{ip}'" for ip in known)
    return (
        f"UPDATE `{nodes_table(kind)}` SET communication_count = communication_count - CASE ip {cases} END "
        f"WHERE ip IN ({addresses})"
    )
