"""The statements of one write, made to fit the layout of the tables; `heads` and `sightings` are those of `Rows`."""
# ruff: noqa: S608 - names are checked, addresses and times are in canonical form

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from adapters.sinks.literals import portions
from adapters.sinks.mysql_layout import Layout
from adapters.sinks.mysql_rows import NOW, head_columns
from adapters.sinks.schema import FACT_COLUMNS

_FORMAT = (
    r"CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\'' ESCAPED BY '\\' "
    r"LINES TERMINATED BY '\n'"
)
_TIME = "'%Y-%m-%d %H:%i:%s'"


def upsert_nodes(layout: Layout) -> tuple[str, str]:
    """What comes before and after the heads, to add them to the nodes as if all their sightings were new.

    Takes the lock on every node until the end of the transaction, in the order of the heads. What describes the address
    changes only when it was seen later than ever before, so that the order of batches does not matter. One statement,
    not an UPDATE and an INSERT: of two writers one would hold rows and wait for the counter of ids, the other the
    reverse, and InnoDB does not see that deadlock (measured: 50 s of waiting).
    """
    table = layout.nodes
    n, first, last = "VALUES(communication_count)", "VALUES(first_seen)", "VALUES(last_seen)"
    newer = f"{n} > 0 AND (last_seen IS NULL OR {last} > last_seen)"
    status = f"IF(cleaned_time IS NULL OR {last} > cleaned_time, 'active', 'cleaned')"
    # MySQL assigns from left to right: last_seen comes after its readers.
    changes = [
        *[f"{name} = IF({newer}, VALUES({name}), {name})" for name in FACT_COLUMNS if name in table.columns],
        *([f"updated_at = IF({n} > 0, {NOW}, updated_at)"] if "updated_at" in table.columns else []),
        f"status = IF({newer}, {status}, status)",
        f"first_seen = COALESCE(LEAST(first_seen, {first}), first_seen, {first})",
        f"last_seen = COALESCE(GREATEST(last_seen, {last}), last_seen, {last})",
        f"communication_count = communication_count + {n}",
    ]
    return _insert(table.name, head_columns(layout)), f" ON DUPLICATE KEY UPDATE {', '.join(changes)}"


def mark_cleaned(layout: Layout) -> tuple[str, str]:
    """The same for nodes that are there, to move `cleaned_time`, and the status unless the address was seen later."""
    changes = "status = IF(last_seen > VALUES(cleaned_time), status, 'cleaned'), cleaned_time = VALUES(cleaned_time)"
    into = [*head_columns(layout), "cleaned_time"]
    return _insert(layout.nodes.name, into), f" ON DUPLICATE KEY UPDATE {changes}"


def load_communications(layout: Layout, columns: Sequence[str]) -> str:
    """Load the sightings that are not there yet, for nodes that are; each that is there is a warning (1062)."""
    table, status = layout.communications, layout.communications.columns.get("status")
    node = f"node_id = (SELECT n.id FROM `{layout.nodes.name}` n WHERE n.ip = `{table.name}`.ip)"
    active = "" if status is None or status.default == "active" else ", status = 'active'"
    return (
        f"LOAD DATA LOCAL INFILE 'rows' INTO TABLE `{table.name}` {_FORMAT} ({', '.join(columns)}) SET {node}{active}"
    )


def insert_communications(layout: Layout, columns: Sequence[str]) -> tuple[str, str]:
    """The same where LOAD DATA is not allowed; before each sighting stands the id of its node."""
    return _insert(layout.communications.name, ["node_id", *columns]), " ON DUPLICATE KEY UPDATE id = id"


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO `{table}` ({', '.join(columns)}) VALUES "


def newest_communication(layout: Layout) -> str:
    """The highest id of the communications."""
    return f"SELECT COALESCE(MAX(id), 0) FROM `{layout.communications.name}`"


def select_known(layout: Layout, times: Mapping[str, Iterable[str]], newest: int) -> Iterator[str]:
    """Those of these sightings that were there when `newest` was the highest id.

    Holds while the locks on the nodes are held.
    """
    table = layout.communications
    key = table.unique_key("ip", "communication_time")
    for some in portions(list(times.items())):
        wanted = " OR ".join(f"(ip = '{ip}' AND communication_time IN ({_listed(seen)}))" for ip, seen in some)
        yield (
            f"SELECT ip, DATE_FORMAT(communication_time, {_TIME}) FROM `{table.name}` FORCE INDEX (`{key}`) "
            f"WHERE id <= {newest} AND ({wanted})"
        )


def subtract(layout: Layout, known: Counter[str]) -> Iterator[str]:
    """Take so many sightings of each address off its node again."""
    alike: dict[int, list[str]] = {}
    for ip, count in known.items():
        alike.setdefault(count, []).append(ip)
    for count, ips in sorted(alike.items()):
        for some in portions(ips):
            yield (
                f"UPDATE {_by_address(layout)} SET communication_count = communication_count - {count} "
                f"WHERE ip IN ({_listed(some)})"
            )


def select_ids(layout: Layout, ips: Sequence[str]) -> Iterator[str]:
    """The ids of nodes."""
    return _select_nodes(layout, "id", ips)


def select_cleaned(layout: Layout, ips: Sequence[str]) -> Iterator[str]:
    """When these addresses were reported clean before."""
    return _select_nodes(layout, f"DATE_FORMAT(cleaned_time, {_TIME})", ips)


def _select_nodes(layout: Layout, what: str, ips: Sequence[str]) -> Iterator[str]:
    for some in portions(ips):
        yield f"SELECT ip, {what} FROM {_by_address(layout)} WHERE ip IN ({_listed(some)})"


def _by_address(layout: Layout) -> str:
    # Forced, because the statistics of a young table would make the optimizer read it whole.
    return f"`{layout.nodes.name}` FORCE INDEX (`{layout.nodes.unique_key('ip')}`)"


def _listed(texts: Iterable[str]) -> str:
    return ",".join(f"'{text}'" for text in texts)
