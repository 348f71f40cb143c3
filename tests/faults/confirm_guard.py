"""Watches every confirm at the instant the collector applies it: what it marks must be committed in the database.

Knows the corpus and its own SQL, nothing of the engine.
"""

import threading
from collections.abc import Mapping, Sequence

import pymysql
from pymysql.constants import ER

from tests.corpus import Outcome
from tests.servers.mariadb import MariaDbServer

Row = tuple[str, ...]


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
        if not self._unchecked:
            return
        try:
            with self._server.connect(self._database) as connection, connection.cursor() as cursor:
                lost = _not_committed(cursor, {number: self._outcomes[number] for number in self._unchecked})
        except pymysql.err.Error:
            return
        if lost:
            self.violations.append(f"{len(lost)} records confirmed and not committed, such as {lost[:5]}")
        self._unchecked = []


def _not_committed(cursor: pymysql.cursors.Cursor, outcomes: Mapping[int, Outcome | None]) -> list[int]:
    """The numbers of those records that have left nothing behind."""
    found: set[Row] = set()
    cleaned: dict[Row, str] = {}
    for kind in sorted({outcome.kind for outcome in outcomes.values() if outcome is not None}):
        ips = sorted({outcome.ip for outcome in outcomes.values() if outcome is not None and outcome.kind == kind})
        rows = _ask(cursor, f"SELECT ip, communication_time FROM botnet_communications_{kind} WHERE ip IN %s", ips)
        found |= {(kind, ip, at) for ip, at in rows}
        rows = _ask(cursor, f"SELECT ip, cleaned_time FROM botnet_nodes_{kind} WHERE ip IN %s", ips)
        cleaned |= {(kind, ip): at for ip, at in rows if at != "None"}
    refused = [str(number) for number, outcome in outcomes.items() if outcome is None]
    dead = _ask(cursor, "SELECT position, stage FROM dead_letters WHERE position IN %s", refused) if refused else []
    positions = {position for position, _ in dead}

    def is_committed(number: int, outcome: Outcome | None) -> bool:
        if outcome is None:
            return str(number) in positions
        if outcome.cleanup:
            return cleaned.get((outcome.kind, outcome.ip), "") >= outcome.seen_at
        return (outcome.kind, outcome.ip, outcome.seen_at) in found

    return [number for number, outcome in outcomes.items() if not is_committed(number, outcome)]


def _ask(cursor: pymysql.cursors.Cursor, query: str, values: Sequence[str]) -> list[tuple[str, str]]:
    """Run a query with two columns and a list of values; a table that does not exist yet has no rows."""
    try:
        cursor.execute(query, (values,))
    except pymysql.err.ProgrammingError as error:
        if error.args[0] != ER.NO_SUCH_TABLE:
            raise
        return []
    return [(_text(first), _text(second)) for first, second in cursor.fetchall()]


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
