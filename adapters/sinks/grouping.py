"""What batches say of each address: the common first step of every sink. Pure."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from engine.delivery import Batch

Key = tuple[str, str, bool]
"""What makes two sightings one: address, time, and whether it was reported clean."""


class Seen(NamedTuple):
    """What is kept of a sighting beside its address and time; one value for all of a batch that say the same."""

    event_type: str | None
    received_at: str


class Address(NamedTuple):
    """One address of some batches: when it called home, and when it was reported clean.

    Both ascend, without repeats. Of several sightings in the same second, the first one is kept.
    """

    ip: str
    seen: dict[str, Seen]
    cleanups: Sequence[str]


def by_address(batches: Iterable[Batch]) -> list[Address]:
    """Group by address, in the order of addresses: the order in which every writer takes its locks."""
    seen: dict[str, dict[str, Seen]] = {}
    cleanups: dict[str, set[str]] = {}
    for batch in batches:
        alike: dict[str | None, Seen] = {}
        for ip, seen_at, _, cleanup, event_type in batch.sightings:
            if cleanup:
                seen.setdefault(ip, {})
                cleanups.setdefault(ip, set()).add(seen_at)
                continue
            kept = alike.get(event_type)
            if kept is None:
                kept = alike[event_type] = Seen(event_type, batch.received_at)
            if ip in seen:
                seen[ip].setdefault(seen_at, kept)
            else:
                seen[ip] = {seen_at: kept}
    return [
        Address(ip, times if len(times) < 2 else dict(sorted(times.items())), sorted(cleanups.get(ip, ())))  # noqa: PLR2004
        for ip, times in sorted(seen.items())
    ]


def keys_of(addresses: Iterable[Address]) -> set[Key]:
    """The keys of everything said of these addresses."""
    return {
        (ip, at, is_cleanup)
        for ip, seen, cleanups in addresses
        for times, is_cleanup in ((seen, False), (cleanups, True))
        for at in times
    }


def shares(batches: Sequence[Batch], known: AbstractSet[Key]) -> list[int]:
    """How many sightings of each batch were new: none that was `known` before; of several alike, the first."""
    met = set(known)
    counts = []
    for batch in batches:
        before = len(met)
        met.update([(ip, seen_at, cleanup) for ip, seen_at, _, cleanup, _ in batch.sightings])
        counts.append(len(met) - before)
    return counts


def outdated(cleanups: Iterable[str], cleaned_time: str | None) -> list[str]:
    """Which of these reports, taken in turn from the earliest, do not move `cleaned_time` forward."""
    return [at for at in cleanups if cleaned_time is not None and at <= cleaned_time]
