"""Eight slots of addresses, so that batches written at the same time need not have an address in common. Pure.

Transactions of one botnet type wait for each other where they touch the same address, and where one inserts right
before an address that the other has found: what MariaDB locks of a key is the gap before it too. So neighbours in the
order of the key are in one slot: addresses are divided by the beginning of their text, some thousand beginnings, which
are scattered over the slots, so that a network from which many call home is seldom in one slot alone.
"""

from collections.abc import Iterable, Sequence
from zlib import crc32

from engine.sighting import Sighting

SLOTS = 8
_BITS = 3
_SAMPLE = 64
_PREFIX = 5
_PREFIX_V6 = 7
"""Characters of an address that decide: of IPv6 the first number and half of the second."""


def spread(sightings: Sequence[Sighting], size: int) -> Iterable[Sequence[Sighting]]:
    """Divide sightings by their slot, in their order, into about as many parts as it takes for `size` in each.

    Parts are as many as a power of two, SLOTS at most, so that those of one page nest in those of another.
    """
    bits = min(_BITS, (-(-len(sightings) // size) - 1).bit_length())
    if not bits:
        return [sightings]
    parts: list[list[Sighting]] = [[] for _ in range(1 << bits)]
    shift = _BITS - bits
    for sighting, slot in zip(sightings, _slots(sightings), strict=True):
        parts[slot >> shift].append(sighting)
    return filter(None, parts)


def covered(sightings: Sequence[Sighting]) -> range:
    """The slots from the first to the last one that any of these is in, by a sample: being wrong costs a wait only."""
    slots = _slots(sightings[:_SAMPLE])
    return range(min(slots), max(slots) + 1) if slots else range(SLOTS)


def _slots(sightings: Sequence[Sighting]) -> list[int]:
    # The lowest bits: those at the other end differ little where only the last digit does.
    return [
        crc32((ip[:_PREFIX_V6] if ip[4:5] == ":" else ip[:_PREFIX]).encode()) % SLOTS for ip, _, _, _, _ in sightings
    ]
