"""What must be true in the end, when all faults are over: everything accounted for, exactly once."""

import json
from collections.abc import Iterator

from tests.faults.simulation.collector import Row
from tests.faults.simulation.database import LetterKey, Node, RowKey
from tests.faults.simulation.world import World, letter_of


def unfinished(world: World) -> Iterator[str]:
    """What is still to be done before everything is where it belongs."""
    if world.weather.late_ones:
        yield f"{world.weather.late_ones} late requests under way"
    for entry in world.queue.store.deliveries.values():
        yield f"delivery {entry.id} ({entry.batch.name}) is in the queue, attempt {entry.attempt}, of {entry.owner}"
    buried = world.queued()
    for row in spooled(world):
        is_buried = letter_of(row) in buried
        if not row.is_exempt and not is_buried and not world.is_committed(row):
            yield f"{row.kind} record {row.source}:{row.sequence} is nowhere"


def unconfirmed(world: World) -> Iterator[str]:
    """What the collectors were not told to forget although it could be: all but the last record."""
    blocked = {batch.source for batch, _ in world.queue.store.dead.values()}
    for collector in world.collectors:
        if len(collector.waiting) > 1 and collector.name not in blocked:
            yield f"{len(collector.waiting)} records are never confirmed at {collector.name}"


def wrong(world: World) -> Iterator[str]:
    """What is in the database and should not be, or should be otherwise."""
    database = world.database
    rows = list(spooled(world))
    good = {RowKey(row.botnet_type, row.ip, row.seen_at) for row in rows if row.kind == "good"}
    for key in database.rows.keys() - good:
        yield f"row {key} is nobody's"
    for letter in sorted(database.dead.keys() - _letters(world, rows)):
        yield f"dead letter {letter} is nobody's"
    if database.nodes != _nodes(database.rows):
        yield "counters differ from what the rows say"
    yield from _ledger(world)


def spooled(world: World) -> Iterator[Row]:
    """Every record there ever was."""
    for collector in world.collectors:
        yield from collector.spooled


def _letters(world: World, rows: list[Row]) -> set[LetterKey]:
    """The dead letters that may be: of broken records as they came, of refused ones under number and address."""
    bad = {letter_of(row) for row in rows if row.kind == "bad"}
    refused = {(row.source, str(row.sequence), row.ip) for row in rows if row.kind in {"cursed", "doubtful"}}
    return (
        bad
        | world.database.deadly
        | {
            key
            for key, letter in world.database.dead.items()
            if letter.stage == "write" and (key.source, key.position, json.loads(key.original)["ip"]) in refused
        }
    )


def _nodes(rows: dict[RowKey, str]) -> dict[tuple[str, str], Node]:
    seen: dict[tuple[str, str], list[str]] = {}
    for botnet_type, ip, seen_at in rows:
        seen.setdefault((botnet_type, ip), []).append(seen_at)
    return {address: Node(len(times), min(times), max(times)) for address, times in seen.items()}


def _ledger(world: World) -> Iterator[str]:
    """Received = written + duplicates + rejected, per batch; written in all = rows."""
    ledger = world.database.ledger
    for name, entry in ledger.items():
        if entry.received != entry.written.written + entry.written.duplicates + entry.rejected:
            yield f"the ledger of {name} does not balance: {entry}"
    written = sum(entry.written.written for entry in ledger.values())
    if written != len(world.database.rows):
        yield f"the ledger says {written} written, there are {len(world.database.rows)} rows"
