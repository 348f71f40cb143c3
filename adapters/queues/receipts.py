"""How a receipt is written in Redis, and read again. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from engine.delivery import Batch


class Line(NamedTuple):
    """One batch of a page that was put."""

    delivery: str
    size: int
    name: str


def receipt_of(batch: Batch) -> str:
    """Size and name; the source is that of the stream it is written to."""
    return f"{batch.size} {batch.name.removeprefix(f'{batch.source}:')}"


def lines_of(source: str, text: str) -> Iterator[Line]:
    """The batches of one page."""
    for line in text.splitlines():
        delivery, size, name = line.split(" ")
        yield Line(delivery, int(size), f"{source}:{name}")


def moment_of(entry: str) -> str:
    """When an entry was added to a stream, by its id: UTC to the second."""
    return datetime.fromtimestamp(int(entry.partition("-")[0]) / 1000, UTC).isoformat(" ")[:19]


def entry_at(moment: str) -> str:
    """The least id of the entries added at or after a moment."""
    return str(round(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() * 1000))
