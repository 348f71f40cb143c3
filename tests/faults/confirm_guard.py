"""Watches every confirm at the instant the collector applies it: what it marks must be committed in the database.

Knows the corpus and its own SQL, nothing of the engine.
"""

import threading
from collections.abc import Mapping, Sequence

import pymysql

from tests.corpus import TYPES, Outcome
from tests.servers.mariadb import MariaDbServer

Row = tuple[object, ...]


class ConfirmGuard:
    """Give `check` to the collector as `on_confirm`.

    `confirmed` counts records; `violations` says what was confirmed and not committed. While the database is away
    nothing can be committed: what is confirmed then is looked up by `recheck`, to be called as soon as it is back.
    """

    def __init__(self, server: MariaDbServer, database: str, outcomes: Mapping[int, Outcome | None]) -> None:
        self.confirmed = 0
        self.violations: list[str] = []
        self._server = server
        self._database = database
        self._outcomes = outcomes
        self._unchecked: list[int] = []
        self._committed: set[Row] = set()
        self._cleaned: dict[tuple[str, str], str] = {}
        self._dead: set[str] = set()
        self._lock = threading.Condition()

    def check(self, entry: dict[str, object]) -> None:
        """Look up what one confirm marked."""
        ranges = entry["marked"]
        assert isinstance(ranges, list)
        with self._lock:
            marked = [number for first, last in ranges for number in range(first, last + 1) if number in self._outcomes]
            self.confirmed += len(marked)
            self._unchecked += marked
            self._look_up()
            self._lock.notify_all()

    def wait_for_more(self, seconds: float) -> None:
        """Wait for the next confirm, or so long."""
        with self._lock:
            self._lock.wait(seconds)

    def recheck(self) -> None:
        """Look up what was confirmed while the database was away."""
        with self._lock:
            self._look_up()

    def _look_up(self) -> None:
        missing = [number for number in self._unchecked if not self._is_committed(number)]
        if missing:
            try:
                self._read()
            except pymysql.err.Error:
                self._unchecked = missing
                return
        lost = [number for number in missing if not self._is_committed(number)]
        if lost:
            self.violations.append(f"{len(lost)} records confirmed and not committed, such as {lost[:5]}")
        self._unchecked = []

    def _is_committed(self, number: int) -> bool:
        outcome = self._outcomes[number]
        if outcome is None:
            return str(number) in self._dead
        if outcome.cleanup:
            return self._cleaned.get((outcome.kind, outcome.ip), "") >= outcome.seen_at
        return (outcome.kind, outcome.ip, outcome.seen_at) in self._committed

    def _read(self) -> None:
        with self._server.connect(self._database) as connection, connection.cursor() as cursor:
            tables = {str(row[0]) for row in _ask(cursor, "SHOW TABLES")}
            for kind in TYPES:
                if f"botnet_communications_{kind}" in tables:
                    rows = _ask(cursor, f"SELECT ip, communication_time FROM botnet_communications_{kind}")
                    self._committed |= {(kind, _text(ip), _text(at)) for ip, at in rows}
                    rows = _ask(cursor, f"SELECT ip, cleaned_time FROM botnet_nodes_{kind} WHERE cleaned_time > 0")
                    self._cleaned |= {(kind, _text(ip)): _text(at) for ip, at in rows}
            self._dead |= {_text(row[0]) for row in _ask(cursor, "SELECT position FROM dead_letters")}


def _ask(cursor: pymysql.cursors.Cursor, query: str) -> Sequence[Row]:
    cursor.execute(query)
    return cursor.fetchall()


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
