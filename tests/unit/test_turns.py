"""Turns at slots of addresses, on trio's clock."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import cycle

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock

from engine.delivery import Batch, Written
from engine.sighting import Facts, Sighting
from engine.slots import SLOTS, covered
from engine.turns import FEW, PATIENCE_SECONDS, Slot, Turns

AT = "2026-11-20 00:00:00"
SECONDS = 1.0
"""What a write takes."""


MANY = [f"{8 + number % 90}.{number}.8.8" for number in range(FEW)]
"""Addresses in all slots."""


def slots(*numbers: int, botnet_type: str = "mirai") -> frozenset[Slot]:
    """Those of one botnet type."""
    return frozenset((botnet_type, number) for number in numbers)


async def began(turns: Turns, *wanted: frozenset[Slot]) -> list[float]:
    """When each of these had its turn, all asking at once in this order."""
    start = trio.current_time()
    times: dict[int, float] = {}

    async def take(place: int, at: frozenset[Slot]) -> None:
        async with turns.at(at):
            times[place] = trio.current_time() - start
            await trio.sleep(SECONDS)

    async with trio.open_nursery() as nursery:
        for place, at in enumerate(wanted):
            nursery.start_soon(take, place, at)
            await trio.testing.wait_all_tasks_blocked()
    return [times[place] for place in sorted(times)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([slots(1), slots(1), slots(1)], [0, 1, 2]),
        ([slots(1), slots(2), slots(3)], [0, 0, 0]),
        ([slots(1), slots(1, botnet_type="gozi")], [0, 0]),
        ([slots(1, 2), slots(2, 3), slots(3, 4)], [0, 1, 2]),
        # One who wants much is not overtaken for ever by those who want little.
        ([slots(1), slots(1, 2), slots(2), slots(3)], [0, 1, 2, 0]),
        ([slots(), slots()], [0, 0]),
    ],
)
async def test_who_waits_for_whom(
    autojump_clock: MockClock, wanted: Sequence[frozenset[Slot]], expected: Sequence[float]
) -> None:
    """Only for those who came before and are at the same slots of the same type."""
    assert await began(Turns(), *wanted) == expected


async def test_patience_ends(autojump_clock: MockClock) -> None:
    """One that never ends its turn, for its connection is dead, costs all others the same wait, not each one more."""
    turns = Turns()
    async with trio.open_nursery() as nursery:
        async with turns.at(slots(1)):
            start = trio.current_time()
            for _ in range(3):
                nursery.start_soon(partial(wait_for_a_turn, turns))
            await trio.sleep(100)
        assert trio.current_time() - start == 100


async def wait_for_a_turn(turns: Turns) -> None:
    """At a slot where somebody stays for ever."""
    start = trio.current_time()
    async with turns.at(slots(1)):
        assert trio.current_time() - start == PATIENCE_SECONDS
        await trio.sleep(200)


async def test_who_gives_up_waiting_is_in_nobodys_way(autojump_clock: MockClock) -> None:
    """A cancelled task leaves the line, waiting or writing."""
    turns = Turns()
    async with turns.at(slots(1)):
        with trio.move_on_after(SECONDS):
            async with turns.at(slots(1, 2)):
                raise AssertionError("somebody is there")
        with trio.fail_after(SECONDS):
            async with turns.at(slots(2)):
                pass
    with trio.fail_after(SECONDS):
        async with turns.at(slots(1)):
            pass


@define(eq=False)
class Slow:
    """A writer that takes a second, and notes when it began."""

    began: list[float] = field(factory=list)

    async def write(self, batches: Sequence[Batch], facts: Mapping[str, Facts]) -> Sequence[Written]:
        """Write nothing, slowly."""
        self.began.append(trio.current_time())
        await trio.sleep(SECONDS)
        return [Written(written=len(batch.sightings)) for batch in batches]

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Slow"]:
        """Itself."""
        yield self


def batch(*ips: str, botnet_type: str = "mirai", size: int = FEW) -> Batch:
    """So many sightings of these addresses in turn."""
    sightings = [Sighting(ip, AT, number) for number, ip in zip(range(size), cycle(ips), strict=False)]
    return Batch("s", 0, 1, 1, 0, AT, botnet_type, sightings)


def apart() -> tuple[str, str]:
    """Two addresses of different slots."""
    first = "8.8.8.8"
    others = (f"{number}.8.8.8" for number in range(11, 100))
    return first, next(ip for ip in others if covered(batch(ip).sightings) != covered(batch(first).sightings))


@pytest.mark.parametrize(
    ("batches", "seconds"),
    [
        ([batch("8.8.8.8"), batch("8.8.8.8")], 2),
        ([batch(apart()[0]), batch(apart()[1])], 1),
        ([batch(*apart()), batch(apart()[0])], 2),
        ([batch(*MANY), batch(*MANY)], 1),  # not divided
        ([batch("8.8.8.8"), batch("8.8.8.8", botnet_type="gozi")], 1),
        ([batch("8.8.8.8", size=FEW - 1), batch("8.8.8.8", size=FEW - 1)], 1),
        ([batch("8.8.8.8"), batch("8.8.8.8", size=FEW - 1)], 1),
        ([batch("8.8.8.8"), batch(size=0)], 1),  # dead letters alone
    ],
)
async def test_writers_of_the_same_addresses_write_one_after_another(
    autojump_clock: MockClock, batches: Sequence[Batch], seconds: float
) -> None:
    """Of other addresses or types, or a few only, at the same time; what was written comes back."""
    turns, slow = Turns(), Slow()

    async def write(one: Batch) -> None:
        async with turns.sink(slow.open) as sink:
            assert await sink.write([one], {}) == [Written(written=len(one.sightings))]

    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        for one in batches:
            nursery.start_soon(partial(write, one))
    assert len(slow.began) == len(batches)
    assert trio.current_time() - start == seconds


def test_a_batch_of_many_addresses_is_at_all_slots() -> None:
    """What it is sampled by tells that it was not divided."""
    assert covered(batch(*MANY).sightings) == range(SLOTS)
