"""What batches say of each address: the common first step of every sink. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from engine.delivery import Batch


class Seen(NamedTuple):
    """What is kept of a sighting beside its address and time; one value for all of a batch that say the same.

    `batch` is the place of the batch that said it first.
    """

    event_type: str | None
    received_at: str
    batch: int


class Address(NamedTuple):
    """One address of some batches: when it called home, and when it was reported clean, by which batch first.

    Both ascend, without repeats. Of several sightings in the same second, the first one is kept.
    """

    ip: str
    seen: dict[str, Seen]
    cleanups: Mapping[str, int]


class Grouped(NamedTuple):
    """Addresses in their order, and how many sightings each batch is the first to tell of."""

    addresses: list[Address]
    firsts: list[int]


def by_address(batches: Iterable[Batch]) -> Grouped:
    """Group by address, in the order of addresses: the order in which every writer takes its locks."""
    seen: dict[str, dict[str, Seen]] = {}
    cleanups: dict[str, dict[str, int]] = {}
    firsts = []
    for place, batch in enumerate(batches):
        alike: dict[str | None, Seen] = {}
        first = 0
        for ip, seen_at, _, cleanup, event_type in batch.sightings:
            times = seen.get(ip)
            if times is None:
                times = seen[ip] = {}
            if cleanup:
                reports = cleanups.setdefault(ip, {})
                first += seen_at not in reports
                reports.setdefault(seen_at, place)
            elif seen_at not in times:
                first += 1
                kept = alike.get(event_type)
                if kept is None:
                    kept = alike[event_type] = Seen(event_type, batch.received_at, place)
                times[seen_at] = kept
        firsts.append(first)
    cleanups = {ip: dict(sorted(reports.items())) for ip, reports in cleanups.items()}
    none: dict[str, int] = {}
    addresses = [
        Address(ip, times if len(times) < 2 else dict(sorted(times.items())), cleanups.get(ip, none))  # noqa: PLR2004
        for ip, times in sorted(seen.items())
    ]
    return Grouped(addresses, firsts)


def shares(firsts: Sequence[int], known: Iterable[int]) -> list[int]:
    """How many sightings of each batch were new: `known` has the batch of each that the database had before."""
    stale = Counter(known)
    return [first - stale[place] for place, first in enumerate(firsts)]


def owners(addresses: Iterable[Address]) -> list[int]:
    """The batch of everything said of these addresses."""
    return [
        place
        for _, seen, cleanups in addresses
        for places in ((kept.batch for kept in seen.values()), cleanups.values())
        for place in places
    ]


def outdated(cleanups: Mapping[str, int], cleaned_time: str | None) -> list[int]:
    """The batches of those reports that, taken in turn from the earliest, do not move `cleaned_time` forward."""
    return [place for at, place in cleanups.items() if cleaned_time is not None and at <= cleaned_time]
