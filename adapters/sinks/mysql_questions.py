"""What the commands ask a MySQL database. Blocking; whoever asks ends the transaction."""
# ruff: noqa: S608 - names are checked, texts quoted

from collections.abc import Sequence

from adapters.sinks.literals import quote
from adapters.sinks.mysql_catalog import botnet_types, read_table
from adapters.sinks.recent import count_recent
from adapters.sinks.schema import communications_table, nodes_table
from adapters.sinks.wire import Wire
from engine.delivery import Start, Trial
from engine.ports import TableCount

_FRESH = "UTC_TIMESTAMP() - INTERVAL 5 MINUTE"


def record_start(wire: Wire, source: str, within_seconds: float) -> Start:
    """Add a start, pending unless the one before it was ended; count the pending ones of the last `within_seconds`."""
    named = quote(source)
    before = f"(SELECT ended FROM engine_starts WHERE source = {named} ORDER BY id DESC LIMIT 1)"
    wire.execute(
        "INSERT INTO engine_starts (source, started_at, pending) "
        f"SELECT {named}, UTC_TIMESTAMP(6), COALESCE(NOT {before}, FALSE)"
    )
    number = wire.number("SELECT LAST_INSERT_ID()")
    wire.commit()
    pending = wire.number(
        f"SELECT COUNT(*) FROM engine_starts WHERE source = {named} AND pending "
        f"AND started_at >= UTC_TIMESTAMP(6) - INTERVAL {round(within_seconds * 1_000_000):d} MICROSECOND"
    )
    return Start(number, pending)


def is_latest(wire: Wire, source: str, start: Start) -> bool:
    """Look for later starts of this source."""
    return wire.number(f"SELECT COUNT(*) FROM engine_starts WHERE source = {quote(source)} AND id > {start.id:d}") == 0


def record_end(wire: Wire, starts: Sequence[Start]) -> None:
    """Mark starts as ended."""
    if starts:
        wire.execute(
            f"UPDATE engine_starts SET ended = TRUE WHERE id IN ({', '.join(str(start.id) for start in starts)})"
        )
        wire.commit()


def last_trial(wire: Wire, batch: str) -> Trial | None:
    """Read the trial last begun."""
    rows = wire.rows(f"SELECT record, trials FROM engine_trials WHERE name = {quote(batch)}")
    return next((Trial(int(str(record)), int(str(count))) for record, count in rows), None)


def begin_trial(wire: Wire, batch: str, trial: Trial) -> None:
    """Remember this trial in the place of the one before."""
    wire.execute(
        f"INSERT INTO engine_trials (name, record, trials) VALUES ({quote(batch)}, {trial.record:d}, {trial.times:d}) "
        f"ON DUPLICATE KEY UPDATE record = {trial.record:d}, trials = {trial.times:d}"
    )
    wire.commit()


def end_trials(wire: Wire, batch: str) -> None:
    """Forget the trials of a batch."""
    wire.execute(f"DELETE FROM engine_trials WHERE name = {quote(batch)}")
    wire.commit()


def table_counts(wire: Wire) -> list[TableCount]:
    """Count nodes, communications and fresh communications of every type."""
    return [_count(wire, botnet_type) for botnet_type in botnet_types(wire)]


def _count(wire: Wire, botnet_type: str) -> TableCount:
    nodes, communications = nodes_table(botnet_type), communications_table(botnet_type)
    table = read_table(wire, communications)
    dated = "received_at" if table is not None and "received_at" in table.columns else "communication_time"
    has_nodes = read_table(wire, nodes) is not None
    return TableCount(
        botnet_type=botnet_type,
        nodes=wire.number(f"SELECT COUNT(*) FROM `{nodes}`") if has_nodes else 0,
        communications=wire.number(f"SELECT COUNT(*) FROM `{communications}`"),
        last_5_minutes=count_recent(wire.number, f"`{communications}`", f"{dated} >= {_FRESH}"),
    )


def durability_warnings(wire: Wire) -> list[str]:
    """What makes this server forget or damage rows, and the line that mends it."""
    warnings = []
    ((flush, sync, binary_log, mode),) = wire.rows(
        "SELECT @@innodb_flush_log_at_trx_commit, @@sync_binlog, @@log_bin, @@GLOBAL.sql_mode"
    )
    if flush != 1:
        warnings.append(
            f"MySQL: innodb_flush_log_at_trx_commit = {flush}: a crash of its machine loses committed rows; "
            "mend it with SET GLOBAL innodb_flush_log_at_trx_commit = 1;"
        )
    if binary_log and sync != 1:
        warnings.append(
            f"MySQL: sync_binlog = {sync}: a crash of its machine loses committed rows; "
            "mend it with SET GLOBAL sync_binlog = 1;"
        )
    if not {"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES"} & set(str(mode).split(",")):
        warnings.append(
            "MySQL: sql_mode is not strict: other programs store damaged values unnoticed; "
            "mend it with SET GLOBAL sql_mode = CONCAT('STRICT_TRANS_TABLES,', @@GLOBAL.sql_mode);"
        )
    return warnings
