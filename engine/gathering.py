"""Which deliveries share a transaction. Pure.

What a transaction costs is paid once a group, however small the batches are: twenty thousand batches of one sighting
are written nearly as fast as twenty of a thousand. Two groups of one botnet type meet at its tables, two of different
types never do.
"""

from collections.abc import Iterator, Sequence

from engine.delivery import Delivery

GROUP_LIMIT = 5000
"""Records per group: beyond that they get hardly cheaper, and locks are held longer."""
LEAST_SHARE = 1000
"""Records below which work is not divided among workers."""


def gather(deliveries: Sequence[Delivery], workers: int, record_limit: int | None) -> Iterator[Sequence[Delivery]]:
    """First attempts of one botnet type together, spread over the workers; what failed before, alone.

    A group has at most `record_limit` records (None: GROUP_LIMIT), unless a single delivery has more.
    """
    limit = record_limit or min(GROUP_LIMIT, max(LEAST_SHARE, _share(deliveries, workers)))
    groups: dict[str, list[Delivery]] = {}
    sizes: dict[str, int] = {}
    for delivery in deliveries:
        if delivery.attempt > 1:
            yield [delivery]
            continue
        kind, size = delivery.batch.botnet_type, delivery.batch.size
        if kind in groups and sizes[kind] + size > limit:
            yield groups.pop(kind)
        sizes[kind] = sizes[kind] + size if kind in groups else size
        groups.setdefault(kind, []).append(delivery)
    yield from groups.values()


def _share(deliveries: Sequence[Delivery], workers: int) -> int:
    return -(-sum(delivery.batch.size for delivery in deliveries) // max(1, workers))
