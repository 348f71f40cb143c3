"""An upgrade of the tables in words: each statement, and what it costs. Pure."""

from collections.abc import Sequence

from engine.durations import HOUR, MINUTE
from engine.ports import SchemaStep

COPIED_PER_SECOND = 10_000_000
"""Bytes of table and indexes: half of what MariaDB rewrites on two cores with the table in memory, 17 to 20 million."""

_MIB = 1024 * 1024
RUNNING_ENGINES = (
    "Engines may run on: what they write goes on or waits, nothing is lost. While a table is rewritten it needs its"
    " room on the disk once more."
)


def as_text(steps: Sequence[SchemaStep]) -> str:
    """The statements in their order, and what running engines have to do with it."""
    return "\n".join([*(f"{cost_of(step)}\n{step.statement};\n" for step in steps), RUNNING_ENGINES])


def cost_of(step: SchemaStep) -> str:
    """One line: rows and bytes, how the server goes about it, and about how long it takes."""
    if step.is_new:
        return f"{step.table}: is made"
    size = f"about {step.rows:,} rows, {step.size / _MIB:,.0f} MiB"
    if not step.is_rewriting:
        return f"{step.table}: {size}; at once, whatever the size"
    writes = "writes wait meanwhile" if step.is_blocking else "writes go on meanwhile"
    return f"{step.table}: {size}; is rewritten, {writes}: {duration(step.size / COPIED_PER_SECOND)}"


def duration(seconds: float) -> str:
    """About how long."""
    if seconds < MINUTE:
        return "less than a minute"
    if seconds < HOUR:
        return f"about {seconds / MINUTE:.0f} minutes"
    return f"about {seconds / HOUR:.1f} hours"
