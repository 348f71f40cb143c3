"""One cache for all workers, and one look-up however many wait."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.enrichment import NOTHING, Enrichment
from engine.errors import UnavailableError
from engine.sighting import Facts

AT_ONCE = 20


@define(eq=False)
class SlowLookup:
    """A look-up that takes time, counts what it is asked, and fails as often as told."""

    chunk_size: int = 1000
    seconds: float = 0.0
    failures: int = 0
    asked: Counter[str] = field(factory=Counter)
    in_flight: int = 0
    most_in_flight: int = 0
    generation: int = 0
    built_at: float | None = None
    uses: Sequence[str] = ()

    async def reload(self) -> bool:
        """Know something else from now on."""
        self.generation += 1
        return True

    async def lookup(self, ips: Sequence[str]) -> Mapping[str, Facts]:
        """Know every address that starts with 8."""
        self.asked.update(ips)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await trio.sleep(self.seconds)
        finally:
            self.in_flight -= 1
        if self.failures:
            self.failures -= 1
            raise UnavailableError("away")
        return {ip: Facts(country_code=f"US {ip}") for ip in ips if ip.startswith("8")}


async def test_known_and_unknown_addresses() -> None:
    """Facts for what is known, nothing for what is not; both are remembered."""
    lookup = SlowLookup()
    enrichment = Enrichment(lookup, 10, 60)
    for _ in range(2):
        facts = await enrichment.facts({"8.8.8.8", "1.1.1.1"}, AT_ONCE)
        assert facts == {"8.8.8.8": Facts(country_code="US 8.8.8.8"), "1.1.1.1": NOTHING}
    assert lookup.asked == {"8.8.8.8": 1, "1.1.1.1": 1}


async def test_a_thousand_waiters_cost_one_lookup(autojump_clock: MockClock) -> None:
    """Single flight: whoever comes while the address is being looked up waits for that look-up."""
    lookup = SlowLookup(seconds=1)
    enrichment = Enrichment(lookup, 10, 60)
    answers = []

    async def wait() -> None:
        answers.append(await enrichment.facts({"8.8.8.8"}, AT_ONCE))

    async with trio.open_nursery() as nursery:
        for _ in range(1000):
            nursery.start_soon(wait)
    assert answers == [{"8.8.8.8": Facts(country_code="US 8.8.8.8")}] * 1000
    assert lookup.asked == {"8.8.8.8": 1}


async def test_overlapping_sets_share_what_they_share(autojump_clock: MockClock) -> None:
    """Two workers with overlapping addresses look up each address once, and both get all of theirs."""
    lookup = SlowLookup(seconds=1, chunk_size=1)
    enrichment = Enrichment(lookup, 100, 60)
    got: list[set[str]] = []

    async def ask(*ips: str) -> None:
        got.append(set(await enrichment.facts(set(ips), AT_ONCE)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, "8.0.0.1", "8.0.0.2", "8.0.0.3")
        nursery.start_soon(ask, "8.0.0.2", "8.0.0.3", "8.0.0.4")
    assert sorted(map(sorted, got)) == [["8.0.0.1", "8.0.0.2", "8.0.0.3"], ["8.0.0.2", "8.0.0.3", "8.0.0.4"]]
    assert set(lookup.asked.values()) == {1}


async def test_waiters_are_served_even_when_the_cache_is_smaller_than_the_batch(autojump_clock: MockClock) -> None:
    """What falls out of a tiny cache at once is still handed to everybody who waited for it."""
    lookup = SlowLookup(seconds=1)
    enrichment = Enrichment(lookup, 1, 60)
    ips = {f"8.0.0.{n}" for n in range(50)}

    async def ask() -> None:
        assert set(await enrichment.facts(ips, AT_ONCE)) == ips

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        nursery.start_soon(ask)
    assert set(lookup.asked.values()) == {1}


async def test_the_cache_forgets_after_its_time(autojump_clock: MockClock) -> None:
    """An entry is used for `ttl_seconds`, and not a second longer."""
    lookup = SlowLookup()
    enrichment = Enrichment(lookup, 10, 60)
    for seconds, count in [(59, 1), (2, 2)]:
        await enrichment.facts({"8.8.8.8"}, AT_ONCE)
        await trio.sleep(seconds)
        await enrichment.facts({"8.8.8.8"}, AT_ONCE)
        assert lookup.asked["8.8.8.8"] == count


async def test_the_cache_keeps_its_size() -> None:
    """The oldest entries leave first."""
    lookup = SlowLookup()
    enrichment = Enrichment(lookup, 2, 60)
    for ip in ["8.0.0.1", "8.0.0.2", "8.0.0.3", "8.0.0.2", "8.0.0.3", "8.0.0.1"]:
        await enrichment.facts({ip}, AT_ONCE)
    assert lookup.asked == {"8.0.0.1": 2, "8.0.0.2": 1, "8.0.0.3": 1}


async def test_at_most_so_many_in_flight(autojump_clock: MockClock) -> None:
    """The caller's limit holds, and is used in full."""
    lookup = SlowLookup(seconds=1, chunk_size=1)
    began = trio.current_time()
    await Enrichment(lookup, 1000, 60).facts({f"8.0.0.{n}" for n in range(100)}, AT_ONCE)
    assert lookup.most_in_flight == 20
    assert trio.current_time() - began == pytest.approx(5)


async def test_a_failure_is_told_to_the_caller_and_remembered_by_nobody() -> None:
    """The caller decides to wait; the next call asks again."""
    lookup = SlowLookup(failures=1)
    enrichment = Enrichment(lookup, 10, 60)
    with pytest.raises(UnavailableError, match="away"):
        await enrichment.facts({"8.8.8.8"}, AT_ONCE)
    assert await enrichment.facts({"8.8.8.8"}, AT_ONCE)


async def test_a_failure_of_somebody_elses_lookup_is_made_good(autojump_clock: MockClock) -> None:
    """Who waited for a look-up that failed makes its own."""
    lookup = SlowLookup(seconds=1, failures=1)
    enrichment = Enrichment(lookup, 10, 60)

    async def first() -> None:
        with pytest.raises(UnavailableError):
            await enrichment.facts({"8.8.8.8"}, AT_ONCE)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        await wait_all_tasks_blocked()
        assert await enrichment.facts({"8.8.8.8"}, AT_ONCE)
    assert lookup.asked["8.8.8.8"] == 2


async def test_a_cancelled_lookup_strands_nobody(autojump_clock: MockClock) -> None:
    """The worker that was looking up is cancelled; the one that waited for it looks up itself."""
    lookup = SlowLookup(seconds=5)
    enrichment = Enrichment(lookup, 10, 60)

    async def impatient() -> None:
        with trio.move_on_after(1):
            await enrichment.facts({"8.8.8.8"}, AT_ONCE)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(impatient)
        await wait_all_tasks_blocked()
        assert await enrichment.facts({"8.8.8.8"}, AT_ONCE)


async def test_a_lookup_cancelled_before_it_began_strands_nobody(autojump_clock: MockClock) -> None:
    """Who waited for a look-up whose turn never came makes it."""
    lookup = SlowLookup(seconds=5, chunk_size=1)
    enrichment = Enrichment(lookup, 10, 60)
    ips = {f"8.0.0.{number}" for number in range(3)}

    async def impatient() -> None:
        with trio.move_on_after(1):
            await enrichment.facts(ips, 1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(impatient)
        await wait_all_tasks_blocked()
        assert set(await enrichment.facts(ips, AT_ONCE)) == ips
    assert sorted(lookup.asked.values()) == [1, 1, 2]


async def test_nothing_is_remembered_of_replaced_data() -> None:
    """As soon as the look-up's data is another, every address is looked up again."""
    lookup = SlowLookup()
    enrichment = Enrichment(lookup, 10, 60)
    ips = {"8.0.0.1", "8.0.0.2"}
    await enrichment.facts(ips, AT_ONCE)
    await lookup.reload()
    for _ in range(2):
        await enrichment.facts(ips, AT_ONCE)
    assert set(lookup.asked.values()) == {2}


async def test_what_was_under_way_at_the_replacement_is_not_remembered(autojump_clock: MockClock) -> None:
    """The caller gets the facts of the data it asked, the next one those of the new data."""
    lookup = SlowLookup(seconds=1)
    enrichment = Enrichment(lookup, 10, 60)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(enrichment.facts, {"8.8.8.8"}, AT_ONCE)
        await wait_all_tasks_blocked()
        await lookup.reload()
    for _ in range(2):
        await enrichment.facts({"8.8.8.8"}, AT_ONCE)
    assert lookup.asked["8.8.8.8"] == 2
