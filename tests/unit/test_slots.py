"""Slots of addresses."""

from operator import ne

import pytest
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


def test_neighbours_in_the_order_of_texts_are_in_one_slot() -> None:
    """All but those at the borders of networks, where one writer would wait at the gap that another has locked."""
    ips = sorted(f"{first}.{second}.8.{last}" for first in (9, 81, 181) for second in range(100) for last in range(9))
    ips += sorted(f"2a02:{second:x}::{last}" for second in range(0, 0xFFFF, 0x100) for last in range(9))
    slots = [covered(sightings([ip])) for ip in ips]
    assert sum(map(ne, slots, slots[1:])) < len(ips) / 9
    assert {slot for among in slots for slot in among} == set(range(SLOTS))


@pytest.mark.parametrize("form", ["181.{}.8.8", "8.{}.8.8", "2a02:{:x}00::1"])
def test_one_large_network_is_in_several_slots(form: str) -> None:
    """As those of one country may be all that call home."""
    assert len({covered(sightings([form.format(number)])) for number in range(1, 250)}) > SLOTS // 2
