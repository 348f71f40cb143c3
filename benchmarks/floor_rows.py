"""The rows of the floor: split among connections, cut into batches, and written out as LOAD DATA reads them. Pure."""

from collections.abc import Mapping, Sequence
from zlib import crc32

from attrs import frozen

from adapters.sinks.literals import number, quote
from adapters.sinks.schema import FACT_COLUMNS, fact_values
from benchmarks.corpus import Seen
from engine.sighting import Facts

UNKNOWN = Facts()


@frozen
class Rows:
    """One batch, ready to be sent: a line per address, and a line per sighting."""

    kind: str
    heads: bytes
    sightings: bytes


def split(records: Sequence[Seen], connections: int, batch_size: int) -> list[list[list[Seen]]]:
    """The batches of each connection: an address is always on the same one, a batch is of one botnet type."""
    shares: list[dict[str, list[Seen]]] = [{} for _ in range(connections)]
    batches: list[list[list[Seen]]] = [[] for _ in range(connections)]
    for record in records:
        share = crc32(record.ip.encode()) % connections
        filling = shares[share].setdefault(record.kind, [])
        filling.append(record)
        if len(filling) == batch_size:
            batches[share].append(shares[share].pop(record.kind))
    return [done + list(rest.values()) for done, rest in zip(batches, shares, strict=True)]


def columns_of(facts: Mapping[str, Facts]) -> list[str]:
    """The fact columns in which any address has a value: the others are not sent at all."""
    known = [fact_values(each) for each in facts.values()]
    return [name for place, name in enumerate(FACT_COLUMNS) if any(values[place] is not None for values in known)]


def written_out(facts: Mapping[str, Facts], columns: Sequence[str]) -> dict[str, str]:
    """The literals of those columns, per address."""
    places = [FACT_COLUMNS.index(name) for name in columns]
    return {ip: "".join("," + _literal(fact_values(each)[place]) for place in places) for ip, each in facts.items()}


def rows_of(batch: Sequence[Seen], literals: Mapping[str, str]) -> Rows:
    """Without repeats, in the order of addresses."""
    times: dict[str, set[str]] = {}
    for _, ip, seen_at in batch:
        times.setdefault(ip, set()).add(seen_at)
    heads, sightings = [], []
    for ip in sorted(times):
        facts = literals[ip]
        seen = times[ip]
        heads.append(f"'{ip}',{len(seen)},'{min(seen)}','{max(seen)}'{facts}")
        sightings += [f"'{ip}','{seen_at}'{facts}" for seen_at in seen]
    return Rows(batch[0].kind, "\n".join(heads).encode(), "\n".join(sightings).encode())


def _literal(value: str | float | None) -> str:
    return quote(value) if isinstance(value, str) else number(value)
