"""Eight slots of addresses, so that batches written at the same time need not have an address in common. Pure.

Transactions of one botnet type wait for each other only where they touch the same address.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from zlib import crc32

from engine.sighting import Sighting

SLOTS = 8
_BITS = 3
_SAMPLE = 64


def spread(sightings: Sequence[Sighting], size: int) -> Iterable[Sequence[Sighting]]:
    """Divide sightings by their slot, in their order, into about as many parts as it takes for `size` in each.

    Parts are as many as a power of two, SLOTS at most, so that those of one page nest in those of another.
    """
    bits = min(_BITS, (-(-len(sightings) // size) - 1).bit_length())
    if not bits:
        return [sightings]
    parts: list[list[Sighting]] = [[] for _ in range(1 << bits)]
    shift = 32 - bits
    for sighting, checksum in zip(sightings, _checksums(sightings), strict=True):
        parts[checksum >> shift].append(sighting)
    return filter(None, parts)


def covered(sightings: Sequence[Sighting]) -> range:
    """The slots from the first to the last one that any of these is in, by a sample: being wrong costs a wait only."""
    slots = [checksum >> 32 - _BITS for checksum in _checksums(sightings[:_SAMPLE])]
    return range(min(slots), max(slots) + 1) if slots else range(SLOTS)


def _checksums(sightings: Sequence[Sighting]) -> Iterable[int]:
    return map(crc32, map(str.encode, map(itemgetter(0), sightings)))
