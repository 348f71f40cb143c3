"""What a batch says of each address: the common first step of every sink. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.sighting import Sighting


class Address(NamedTuple):
    """One address of a batch: when it called home, with the event type, and when it was reported clean.

    Both ascend, without repeats. Of several sightings in the same second, the first in the batch is kept.
    """

    ip: str
    seen: dict[str, str | None]
    cleanups: Sequence[str]


def by_address(sightings: Iterable[Sighting]) -> list[Address]:
    """Group by address, in the order of addresses: the order in which every writer takes its locks."""
    seen: dict[str, dict[str, str | None]] = {}
    cleanups: dict[str, set[str]] = {}
    for ip, seen_at, _, cleanup, event_type in sightings:
        if cleanup:
            seen.setdefault(ip, {})
            cleanups.setdefault(ip, set()).add(seen_at)
        elif ip in seen:
            seen[ip].setdefault(seen_at, event_type)
        else:
            seen[ip] = {seen_at: event_type}
    return [
        Address(ip, times if len(times) < 2 else dict(sorted(times.items())), sorted(cleanups.get(ip, ())))  # noqa: PLR2004
        for ip, times in sorted(seen.items())
    ]


def advancing(cleanups: Iterable[str], cleaned_time: str | None) -> int:
    """How many of these ascending reports, taken in turn, move `cleaned_time` forward."""
    return sum(1 for at in cleanups if cleaned_time is None or at > cleaned_time)
