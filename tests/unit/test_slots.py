"""Slots of addresses."""

from hypothesis import given
from hypothesis import strategies as st

from engine.sighting import Sighting
from engine.slots import SLOTS, covered, spread

IPS = st.ip_addresses().map(str)


def sightings(ips: list[str]) -> list[Sighting]:
    """One of each address, numbered."""
    return [Sighting(ip, "2026-11-20 00:00:00", number) for number, ip in enumerate(ips)]


@given(st.lists(IPS, min_size=1, max_size=60), st.integers(1, 20))
def test_nothing_is_lost_and_an_address_is_in_one_part(ips: list[str], size: int) -> None:
    """Every sighting is in one part, in its order; no part is empty, and no address in two."""
    parts = [list(part) for part in spread(sightings(ips), size)]
    assert sorted((each for part in parts for each in part), key=lambda each: each.sequence) == sightings(ips)
    assert all(part == sorted(part, key=lambda each: each.sequence) for part in parts)
    assert all(parts)
    assert sum(len({each.ip for each in part}) for part in parts) == len(set(ips))


@given(st.lists(IPS, min_size=1, max_size=60))
def test_parts_cover_slots_of_their_own(ips: list[str]) -> None:
    """The finest parts have a slot each, coarser ones several that follow each other; one part has what it has."""
    for count in (2, 4, 8):
        size = -(-len(ips) // count)
        slots = [slot for part in spread(sightings(ips), size) for slot in covered(part)]
        assert len(slots) == len(set(slots)) <= SLOTS


def test_a_few_stay_together() -> None:
    """Sightings that fit one batch are not divided; without any, every slot might be meant."""
    few = sightings(["10.0.0.1", "10.0.0.2", "10.0.0.3"])
    assert list(spread(few, 3)) == [few]
    assert covered([]) == range(SLOTS)
