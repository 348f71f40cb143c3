"""Facts for addresses: one cache for all workers, and one look-up however many workers wait for the same address."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice, repeat

import trio
from attrs import define, field

from engine.errors import EngineError
from engine.intake import chunks
from engine.ports import Lookup
from engine.sighting import Facts

NOTHING = Facts()


@define(eq=False)
class _Flight:
    """A look-up of some addresses. Once it has landed there are facts, or an error, or neither if it was cancelled."""

    ips: Sequence[str]
    landed: trio.Event = field(factory=trio.Event)
    facts: Mapping[str, Facts] = field(factory=dict)
    error: EngineError | None = None


@define(eq=False)
class Enrichment:
    """The cache that all workers share. It holds at most `cache_size` addresses for `ttl_seconds` each.

    An address that nobody knows is remembered as such. The oldest entries leave first; all of them leave when the
    look-up's data is replaced.
    `hits` and `misses` count the addresses asked for, once each time.
    """

    lookup: Lookup
    cache_size: int
    ttl_seconds: float
    hits: int = 0
    misses: int = 0
    _generation: int = 0
    _cache: dict[str, tuple[float, Facts]] = field(factory=dict, repr=False)
    _flights: dict[str, _Flight] = field(factory=dict, repr=False)

    async def facts(self, ips: AbstractSet[str], concurrent: int) -> dict[str, Facts]:
        """Facts for every address; at most `concurrent` look-ups of the caller are in flight at once.

        Raises the EngineError of a look-up of its own; a look-up of somebody else that fails is made again.
        """
        found: dict[str, Facts] = {}
        missing = self._from_cache(ips, found)
        self.hits += len(found)
        self.misses += len(missing)
        while missing:
            flying = {flight for ip in missing if (flight := self._flights.get(ip)) is not None}
            grounded = [ip for ip in missing if ip not in self._flights]
            if grounded:
                found.update(await self._fly(grounded, concurrent))
            for flight in flying:
                await flight.landed.wait()
                found.update((ip, flight.facts[ip]) for ip in ips & flight.facts.keys())
            missing = self._from_cache(ips, found)
        return found

    @property
    def hit_rate(self) -> float | None:
        """The share of the addresses asked for that it knew; None before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None

    @property
    def size(self) -> int:
        """How many addresses it holds."""
        return len(self._cache)

    def _from_cache(self, ips: AbstractSet[str], found: dict[str, Facts]) -> list[str]:
        """Move what the cache knows into `found`; return what is still missing there."""
        now = trio.current_time()
        cache = self._cache
        if self._generation != self.lookup.generation:
            self._generation = self.lookup.generation
            cache.clear()
        missing = []
        for ip in ips - found.keys():
            entry = cache.get(ip)
            if entry is not None and entry[0] > now:
                found[ip] = entry[1]
            else:
                missing.append(ip)
        return missing

    async def _fly(self, ips: Sequence[str], concurrent: int) -> dict[str, Facts]:
        flights = [_Flight(run) for run in chunks(ips, self.lookup.chunk_size)]
        for flight in flights:
            self._flights.update(dict.fromkeys(flight.ips, flight))
        waiting = iter(flights)
        try:
            # Few tasks for many look-ups: one for each costs more than all else that is done for an address.
            async with trio.open_nursery() as nursery:
                for _ in range(min(concurrent, len(flights))):
                    nursery.start_soon(self._look_up_in_turn, waiting)
        finally:
            for flight in waiting:  # cancelled before they began
                self._land(flight)
        found: dict[str, Facts] = {}
        for flight in flights:
            if flight.error is not None:
                raise flight.error
            found.update(flight.facts)
        return found

    async def _look_up_in_turn(self, waiting: Iterator[_Flight]) -> None:
        for flight in waiting:
            generation = self.lookup.generation
            try:
                known = await self.lookup.lookup(flight.ips)
                flight.facts = {ip: known.get(ip, NOTHING) for ip in flight.ips}
                if generation == self.lookup.generation:
                    self._remember(flight.facts)
            except EngineError as error:
                flight.error = error
            finally:
                self._land(flight)

    def _land(self, flight: _Flight) -> None:
        for ip in flight.ips:
            del self._flights[ip]
        flight.landed.set()

    def _remember(self, facts: Mapping[str, Facts]) -> None:
        cache = self._cache
        for expired in cache.keys() & facts.keys():
            del cache[expired]
        cache.update(zip(facts, zip(repeat(trio.current_time() + self.ttl_seconds), facts.values())))  # noqa: B905 - one is endless
        for oldest in list(islice(cache, max(0, len(cache) - self.cache_size))):
            del cache[oldest]
