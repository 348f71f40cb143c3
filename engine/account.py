"""The account of a run in words and as JSON: what came, and what became of it."""

import json

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
