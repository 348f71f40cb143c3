"""What each MySQL and MariaDB error code means for the engine. Pure: one table, one function, no connection."""

import re
from enum import Enum

from engine.errors import RejectedError, UnavailableError


class Trouble(Enum):
    """What to do after an error, by class."""

    TRANSIENT = "roll back and try again at once"
    CONNECTION = "discard the connection and wait"
    WITHHELD = "the server takes no writes now: discard the connection and wait"
    TOO_BIG = "halve the batch"
    BAD_ROW = "find the bad row"
    CONFIG = "somebody has to change something: wait"
    UNKNOWN = "nobody knows: each try counts"


# 1412: the table was altered meanwhile. 1467: InnoDB's answer to a lost wait for an id.
# 1969 and 3024: the server's own limit on statement time.
_TRANSIENT = (1213, 1205, 1020, 3572, 1412, 1467, 1969, 3024)
# 0: a closed connection is used. 2027: an answer that is no protocol. 1129: the host is blocked after such answers.
# 1226: the user's hourly quota. 4031: MySQL closed an idle connection.
_CONNECTION = (
    2002, 2003, 2005, 2006, 2013, 2014, 2027, 2055, 0, 1040, 1129, 1203, 1226, 1053, 1077,
    1152, 1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161, 1317, 1927, 4031,
)  # fmt: skip
# 1037, 1038, 1041: out of memory.
_WITHHELD = (1290, 1792, 1836, 1047, 1180, 1021, 1114, 1030, 3100, 1037, 1038, 1041)
_TOO_BIG = (1153, 1301)
_BAD_ROW = (1406, 1264, 1265, 1292, 1366, 1367, 1048, 1364, 3819, 4025)
# 1143: no right to a column. 1665: the server's binlog_format is STATEMENT.
_CONFIG = (1044, 1045, 1049, 1054, 1064, 1142, 1143, 1146, 1227, 1665, 1698, 2026, 2059)

_CLASSES = {
    **dict.fromkeys(_TRANSIENT, Trouble.TRANSIENT),
    **dict.fromkeys(_CONNECTION, Trouble.CONNECTION),
    **dict.fromkeys(_WITHHELD, Trouble.WITHHELD),
    **dict.fromkeys(_TOO_BIG, Trouble.TOO_BIG),
    **dict.fromkeys(_BAD_ROW, Trouble.BAD_ROW),
    **dict.fromkeys(_CONFIG, Trouble.CONFIG),
}

LOAD_REFUSED = frozenset({1148, 2068, 3948, 3950, 4166})
"""Answers to LOAD DATA LOCAL of a server that does not allow it."""

_RIGHTS = "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON `{database}`.* TO {user};"
_ADVICE = {
    1040: "too many connections: raise max_connections or lower worker_count",
    1044: f"the user has no right to this database: {_RIGHTS}",
    1045: "user name or password is wrong",
    1049: "the database does not exist: CREATE DATABASE `{database}` CHARACTER SET utf8mb4;",
    1054: "a table of an unknown layout: compare it with a new one",
    1114: "the disk or the tablespace is full: make room",
    1021: "the disk is full: make room",
    1030: "the storage engine failed (often: the disk is full); see the server's log",
    1146: "a table is missing, and is made again at the next try",
    1205: "another transaction holds rows or a table for too long: SHOW FULL PROCESSLIST tells which",
    1227: f"the user lacks a right: {_RIGHTS}",
    1290: "the server is read-only: point the URL at the primary",
    1665: "SET GLOBAL binlog_format = 'MIXED';",
    1698: "the user may only log in through the unix socket: give it a password",
    1792: "the transaction is read-only: point the URL at the primary",
    1836: "the server is read-only: point the URL at the primary",
    2026: "TLS failed: check ssl_ca and the server's certificate",
    2059: "the user's login method is not supported: ALTER USER {user} IDENTIFIED VIA mysql_native_password …",
}
_DENIED = re.compile(r"(?P<right>[A-Z ,]+) command denied to user (?P<user>'[^']*'@'[^']*')")


def classify(code: int | None) -> Trouble:
    """Return the class of an error code; None is an error without one."""
    return Trouble.UNKNOWN if code is None else _CLASSES.get(code, Trouble.UNKNOWN)


def advise(code: int | None, text: str, database: str) -> str:
    """Say what to do about an error, as one clause; empty where there is nothing to say."""
    denied = _DENIED.search(text)
    if denied is not None:
        return f"GRANT {denied['right'].strip()} ON `{database}`.* TO {denied['user']};"
    named = re.search(r"'[^']*'@'[^']*'", text)
    user = named[0] if named else "the user"
    return _ADVICE.get(code or 0, "").format(database=database, user=user)


def translate(code: int | None, text: str, database: str, where: str) -> UnavailableError | RejectedError:
    """Return the engine's error for one of the server's. `where` tells the servers of several apart in a log."""
    trouble = classify(code)
    said = f"MySQL at {where}: " + (f"error {code}: {text}" if code else text or "the connection was lost")
    advice = advise(code, text, database)
    said = f"{said} ({advice})" if advice else said
    if trouble in {Trouble.TOO_BIG, Trouble.BAD_ROW}:
        return RejectedError(said)
    if trouble is Trouble.UNKNOWN:
        return RejectedError(said, certain=False)
    return UnavailableError(said)
