"""The statements of one write, made to fit the layout of the tables. `s` is the stage (`MYSQL_STAGE`)."""
# ruff: noqa: S608 - names are checked

from collections.abc import Mapping, Sequence

from adapters.sinks.mysql_layout import Layout, Table
from adapters.sinks.schema import FACT_COLUMNS, TEXT_COLUMNS


def _staged(table: Table) -> dict[str, str]:
    """Fact columns of `table` and what goes in: the staged value, or an empty one where NULL is not allowed."""
    values = {}
    for name in FACT_COLUMNS:
        column = table.columns.get(name)
        if column is not None:
            empty = "''" if name in TEXT_COLUMNS else "0"
            values[name] = f"s.{name}" if column.nullable else f"COALESCE(s.{name}, {empty})"
    return values


def _optional(table: Table, values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name in table.columns}


def upsert_nodes(layout: Layout) -> str:
    """Add the batch to the nodes as if all its sightings were new, in the order of addresses.

    Takes the lock on every node of the batch until the end of the transaction. What describes the address changes only
    when it was seen later than ever before, so that the order of batches does not matter. One statement, not an UPDATE
    and an INSERT: of two writers one would hold rows and wait for the counter of ids, the other the reverse, and InnoDB
    does not see that deadlock (measured: 50 s of waiting).
    """
    table = layout.nodes
    facts = _staged(table)
    values = {
        "ip": "s.ip",
        **facts,
        "status": "IF(s.n > 0, 'active', 'cleaned')",
        "first_seen": "s.first_seen",
        "last_seen": "s.last_seen",
        "communication_count": "s.n",
        **_optional(table, {"created_time": "UTC_TIMESTAMP()", "updated_at": "UTC_TIMESTAMP()"}),
    }
    return _insert(
        table.name,
        values,
        "FROM engine_stage s WHERE s.n IS NOT NULL ORDER BY s.position",
        _changes(f"`{table.name}`", facts, touched="updated_at" in table.columns),
    )


def _changes(t: str, facts: Mapping[str, str], *, touched: bool) -> list[str]:
    """What happens to a node that is there. MySQL assigns from left to right: last_seen comes after its readers."""
    newer = f"s.n > 0 AND ({t}.last_seen IS NULL OR s.last_seen > {t}.last_seen)"
    status = f"IF({t}.cleaned_time IS NULL OR s.last_seen > {t}.cleaned_time, 'active', 'cleaned')"
    return [
        *[f"{t}.{name} = IF({newer}, {value}, {t}.{name})" for name, value in facts.items()],
        *([f"{t}.updated_at = IF(s.n > 0, UTC_TIMESTAMP(), {t}.updated_at)"] if touched else []),
        f"{t}.status = IF({newer}, {status}, {t}.status)",
        f"{t}.first_seen = COALESCE(LEAST({t}.first_seen, s.first_seen), {t}.first_seen, s.first_seen)",
        f"{t}.last_seen = COALESCE(GREATEST({t}.last_seen, s.last_seen), {t}.last_seen, s.last_seen)",
        f"{t}.communication_count = {t}.communication_count + s.n",
    ]


def insert_communications(layout: Layout) -> str:
    """Insert the sightings that are not there yet; the affected rows are those inserted."""
    table = layout.communications
    values = {
        "node_id": "n.id",
        "ip": "s.ip",
        "communication_time": "s.seen_at",
        **_staged(table),
        **_optional(table, {"received_at": "s.received_at", "event_type": "s.event_type", "status": "'active'"}),
    }
    event = table.columns.get("event_type")
    if event is not None and not event.nullable:
        values["event_type"] = "COALESCE(s.event_type, '')"
    # Forced, because the statistics of a young table would make the optimizer read it whole.
    key = layout.nodes.unique_key("ip")
    source = (
        f"FROM engine_stage s STRAIGHT_JOIN `{layout.nodes.name}` n FORCE INDEX (`{key}`) ON n.ip = s.ip "
        "WHERE s.seen_at IS NOT NULL ORDER BY s.position"
    )
    return _insert(table.name, values, source, [f"`{table.name}`.id = `{table.name}`.id"])


def _insert(table: str, values: Mapping[str, str], source: str, changes: list[str]) -> str:
    return (
        f"INSERT INTO `{table}` ({', '.join(values)}) SELECT {', '.join(values.values())} {source} "
        f"ON DUPLICATE KEY UPDATE {', '.join(changes)}"
    )


def newest_communication(layout: Layout) -> str:
    """The highest id of the communications."""
    return f"SELECT COALESCE(MAX(id), 0) FROM `{layout.communications.name}`"


def _known(layout: Layout, newest: int) -> str:
    """The staged sightings that were in the table before. Holds while the locks on the nodes are held."""
    key = layout.communications.unique_key("ip", "communication_time")
    return (
        f"FROM engine_stage s STRAIGHT_JOIN `{layout.communications.name}` c FORCE INDEX (`{key}`) "
        f"ON c.ip = s.ip AND c.communication_time = s.seen_at WHERE s.seen_at IS NOT NULL AND c.id <= {newest}"
    )


def select_known(layout: Layout, newest: int) -> str:
    """The positions of the staged sightings that were there before."""
    return f"SELECT s.position {_known(layout, newest)}"


def subtract(layout: Layout, positions: Sequence[int]) -> str:
    """Take the sightings at these positions off the nodes again."""
    listed = ",".join(map(str, positions))
    return (
        f"UPDATE (SELECT ip, COUNT(*) AS known FROM engine_stage WHERE position IN ({listed}) GROUP BY ip) k "
        f"STRAIGHT_JOIN `{layout.nodes.name}` n FORCE INDEX (`{layout.nodes.unique_key('ip')}`) ON n.ip = k.ip "
        "SET n.communication_count = n.communication_count - k.known"
    )


def select_cleaned(layout: Layout) -> str:
    """The addresses reported clean in this batch, and when they were reported clean before."""
    key = layout.nodes.unique_key("ip")
    return (
        "SELECT s.ip, DATE_FORMAT(n.cleaned_time, '%Y-%m-%d %H:%i:%s') "
        f"FROM engine_stage s STRAIGHT_JOIN `{layout.nodes.name}` n FORCE INDEX (`{key}`) ON n.ip = s.ip "
        "WHERE s.cleaned_at IS NOT NULL"
    )


def mark_cleaned(layout: Layout) -> str:
    """Move `cleaned_time` forward, and the status with it unless the address was seen later."""
    key = layout.nodes.unique_key("ip")
    return (
        f"UPDATE engine_stage s STRAIGHT_JOIN `{layout.nodes.name}` n FORCE INDEX (`{key}`) ON n.ip = s.ip SET "
        "n.status = IF(n.last_seen > s.cleaned_at, n.status, 'cleaned'), n.cleaned_time = s.cleaned_at "
        "WHERE s.cleaned_at IS NOT NULL AND (n.cleaned_time IS NULL OR s.cleaned_at > n.cleaned_time)"
    )
