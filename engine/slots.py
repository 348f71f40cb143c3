"""Eight slots of addresses, so that batches written at the same time need not have an address in common. Pure.

Transactions of one botnet type wait for each other only where they touch the same address.
"""

from collections.abc import Iterable, Sequence
from zlib import crc32

from engine.sighting import Sighting

SLOTS = 8
_BITS = 3


def spread(sightings: Sequence[Sighting], size: int) -> Iterable[Sequence[Sighting]]:
    """Divide sightings by their slot, in their order, into about as many parts as it takes for `size` in each.

    Parts are as many as a power of two, SLOTS at most, so that those of one page nest in those of another.
    """
    bits = min(_BITS, (-(-len(sightings) // size) - 1).bit_length())
    if not bits:
        return [sightings]
    parts: list[list[Sighting]] = [[] for _ in range(1 << bits)]
    shift = 32 - bits
    for sighting in sightings:
        parts[crc32(sighting.ip.encode()) >> shift].append(sighting)
    return filter(None, parts)


def covered(sightings: Sequence[Sighting]) -> range:
    """The slots from the first to the last one that any of these is in."""
    sums = [crc32(sighting.ip.encode()) for sighting in sightings]
    shift = 32 - _BITS
    return range(min(sums) >> shift, (max(sums) >> shift) + 1) if sums else range(SLOTS)
