"""The account of a run in words and as JSON: what came, and what became of it."""

import json
from collections.abc import Sequence

from engine.ports import TableCount
from engine.stats import Snapshot


def as_json(snapshot: Snapshot, seconds: float) -> str:
    """One JSON object on one line; `seconds` is how long the run took."""
    return json.dumps(
        {
            "fetched": snapshot.fetched,
            "received": snapshot.received,
            "written": snapshot.written,
            "duplicates": snapshot.duplicates,
            "rejected": snapshot.rejected,
            "dead": snapshot.dead,
            "confirmed": snapshot.confirmed,
            "seconds": round(seconds, 3),
            "records_per_second": rate(snapshot, seconds),
        }
    )


def as_text(snapshot: Snapshot, seconds: float) -> str:
    """The same for people."""
    return "\n".join(
        [
            f"received    {snapshot.received:>12,}",
            f"written     {snapshot.written:>12,}",
            f"duplicates  {snapshot.duplicates:>12,}",
            f"rejected    {snapshot.rejected:>12,}   (new dead letters: {snapshot.dead:,})",
            f"seconds     {seconds:>12,.1f}   ({rate(snapshot, seconds):,.0f} records/s)",
        ]
    )


def as_progress(snapshot: Snapshot, depth: int) -> str:
    """The same as a line that follows a run; `depth` is how many batches are queued."""
    return (
        f"received {snapshot.received:,}  written {snapshot.written:,}  duplicates {snapshot.duplicates:,}  "
        f"rejected {snapshot.rejected:,}  queued batches {depth:,}"
    )


def rate(snapshot: Snapshot, seconds: float) -> float:
    """Records settled per second."""
    return round(snapshot.received / seconds, 1) if seconds > 0 else 0.0


def tables_as_json(counts: Sequence[TableCount]) -> str:
    """What `check` found, on one line."""
    return json.dumps({"tables": [count._asdict() for count in counts]})


def tables_as_text(counts: Sequence[TableCount]) -> str:
    """What `check` found, for people."""
    if not counts:
        return "no table exists yet: nothing has ever arrived"
    rows = [f"{'table':<53} {'last 5 minutes':>14} {'in all':>14} {'nodes':>12}"]
    rows += [
        f"{'botnet_communications_' + count.botnet_type:<53} {count.last_5_minutes:>14,} {count.communications:>14,} "
        f"{count.nodes:>12,}"
        for count in counts
    ]
    return "\n".join(rows)
