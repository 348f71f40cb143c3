"""Which deliveries share a transaction. Pure.

What a transaction costs is paid once a group, however small the batches are: twenty thousand batches of one sighting
are written nearly as fast as twenty of a thousand. Two groups of one botnet type meet at its tables, two of different
types never do; where there is work for several groups, those of one type are made of different slots of addresses, so
that writers need not wait for each other's rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from engine.delivery import Delivery
from engine.slots import covered

GROUP_LIMIT = 5600
"""Records per group: beyond that they get hardly cheaper, and locks are held longer. A page of the usual size and a bit
more, so that half the slots of two pages are one group, too, though slots are not of one size."""
LEAST_SHARE = 1000
"""Records below which work is not divided into shares."""
SLACK = 8
"""A group may be larger by one part in so many than an even share: slots are not of one size."""


def gather(deliveries: Sequence[Delivery], shares: int, record_limit: int | None) -> Iterator[Sequence[Delivery]]:
    """First attempts of one botnet type together, in about so many shares or more; what failed before, alone.

    A group has at most `record_limit` records (None: GROUP_LIMIT), unless a single delivery has more. Its deliveries
    are in their order; types take turns, so that workers are at different ones.
    """
    limit = record_limit or min(GROUP_LIMIT, max(LEAST_SHARE, _share(deliveries, shares)))
    fresh: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        if delivery.attempt > 1:
            yield [delivery]
        else:
            fresh.setdefault(delivery.batch.botnet_type, []).append(delivery)
    yield from _alternating([_groups(alike, limit) for alike in fresh.values()])


def _groups(alike: Sequence[Delivery], limit: int) -> Iterator[Sequence[Delivery]]:
    """Deliveries of one botnet type, each in one group."""
    if _size(alike) <= limit:
        yield alike
        return
    places = {delivery.id: place for place, delivery in enumerate(alike)}
    for group in _filled(_in_turns(alike, limit), limit):
        yield sorted(group, key=lambda delivery: places[delivery.id])


def _in_turns(deliveries: Sequence[Delivery], limit: int) -> Iterator[Sequence[Delivery]]:
    """Portions of at most `limit` records, the slots in turns."""
    slots: dict[tuple[int, int], list[Delivery]] = {}
    for delivery in deliveries:
        among = covered(delivery.batch.sightings)
        slots.setdefault((among.start, among.stop), []).append(delivery)
    return _alternating([_filled([[delivery] for delivery in slots[among]], limit) for among in sorted(slots)])


def _alternating(lines: Iterable[Iterator[Sequence[Delivery]]]) -> Iterator[Sequence[Delivery]]:
    """The first of every line, then the second ones, and so on."""
    for turn in zip_longest(*lines, fillvalue=()):
        yield from filter(None, turn)


def _filled(portions: Iterable[Sequence[Delivery]], limit: int) -> Iterator[Sequence[Delivery]]:
    """Put together those that follow each other, up to `limit` records."""
    held: list[Delivery] = []
    size = 0
    for portion in portions:
        more = _size(portion)
        if held and size + more > limit:
            yield held
            held, size = [], 0
        held = [*held, *portion]
        size += more
    if held:
        yield held


def _size(deliveries: Sequence[Delivery]) -> int:
    return sum(delivery.batch.size for delivery in deliveries)


def _share(deliveries: Sequence[Delivery], shares: int) -> int:
    even = -(-_size(deliveries) // max(1, shares))
    return even + even // SLACK if shares > 1 else even
