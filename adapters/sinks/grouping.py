"""What batches say of each address: the common first step of every sink. Pure.

Columns, not records: what is done for every sighting is done by `dict`, `zip` and `sorted`, a third of the time of a
loop.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from engine.delivery import Batch
from engine.sighting import Sighting

Communication = tuple[str, str]
"""What tells communications apart: address and time."""


class Seen(NamedTuple):
    """What is kept of a sighting beside its address and time; one value for all of a batch that say the same.

    `batch` is the place of the batch that said it first.
    """

    event_type: str | None
    received_at: str
    batch: int


class Head(NamedTuple):
    """One address: when it called home first and last, and how often; None and 0 where it was only reported clean."""

    ip: str
    first: str | None
    last: str | None
    communications: int


_head = partial(tuple.__new__, Head)


class Grouped(NamedTuple):
    """What some batches say, without repeats: communications and, by address, reports that it is clean.

    All of it ascends, by address and then by time, and of several sightings in the same second the first one is kept.
    `cleanups` has the batch that said it first. `firsts`: how many sightings each batch is the first to tell of.
    """

    seen: dict[Communication, Seen]
    cleanups: Mapping[str, Mapping[str, int]]
    firsts: Sequence[int]

    def heads(self) -> list[Head]:
        """Every address, in the order in which every writer takes its locks."""
        first, last = dict(reversed(self.seen)), dict(self.seen.keys())
        counts = Counter(map(itemgetter(0), self.seen))
        ips = last if last.keys() >= self.cleanups.keys() else sorted({*last, *self.cleanups})
        return list(
            map(_head, zip(ips, map(first.get, ips), map(last.get, ips), map(counts.__getitem__, ips), strict=True))
        )

    def times(self) -> dict[str, list[str]]:
        """When each address that called home did."""
        times: dict[str, list[str]] = {}
        for ip, at in self.seen:
            times.setdefault(ip, []).append(at)
        return times

    def said(self) -> Iterator[str]:
        """Every time that is told."""
        return chain(map(itemgetter(1), self.seen), *self.cleanups.values())

    def owners(self) -> list[int]:
        """The batch of everything that is told."""
        return [*map(itemgetter(2), self.seen.values()), *_places(self.cleanups)]


def by_address(batches: Sequence[Batch]) -> Grouped:
    """Group by address."""
    seen: dict[Communication, Seen] = {}
    cleanups: dict[str, dict[str, int]] = {}
    for place in reversed(range(len(batches))):  # the last to say something is overwritten by those before
        batch = batches[place]
        online = batch.sightings
        if any(map(itemgetter(3), online)):
            online = [sighting for sighting in online if not sighting.cleanup]
            _report(cleanups, [sighting for sighting in batch.sightings if sighting.cleanup], place)
        if online:
            ips, times, _, _, events = zip(*reversed(online), strict=True)
            kept = {event: Seen(event, batch.received_at, place) for event in set(events)}
            seen.update(zip(zip(ips, times, strict=True), map(kept.__getitem__, events), strict=True))
    in_time = sorted(seen, key=itemgetter(1))
    seen = {communication: seen[communication] for communication in sorted(in_time, key=itemgetter(0))}
    cleanups = {ip: dict(sorted(cleanups[ip].items())) for ip in sorted(cleanups)}
    firsts = Counter(chain(map(itemgetter(2), seen.values()), _places(cleanups)))
    return Grouped(seen, cleanups, [firsts[place] for place in range(len(batches))])


def _report(cleanups: dict[str, dict[str, int]], reports: Iterable[Sighting], place: int) -> None:
    for report in reports:
        cleanups.setdefault(report.ip, {})[report.seen_at] = place


def _places(cleanups: Mapping[str, Mapping[str, int]]) -> Iterator[int]:
    return chain.from_iterable(reports.values() for reports in cleanups.values())


def shares(firsts: Sequence[int], known: Iterable[int]) -> list[int]:
    """How many sightings of each batch were new: `known` has the batch of each that the database had before."""
    stale = Counter(known)
    return [first - stale[place] for place, first in enumerate(firsts)]


def outdated(cleanups: Mapping[str, int], cleaned_time: str | None) -> list[int]:
    """The batches of those reports that, taken in turn from the earliest, do not move `cleaned_time` forward."""
    return [place for at, place in cleanups.items() if cleaned_time is not None and at <= cleaned_time]
