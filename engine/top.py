"""What was seen most: counters of a bounded number of names, filled once a transaction."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Generic, TypeVar

from attrs import define, field, frozen

from engine.delivery import Batch
from engine.sighting import Facts, Sighting

Name = TypeVar("Name")
Network = int | str | None
"""Its number; its name where it has none; None where neither is known."""

NAMES = 100_000
"""More than there are networks in the world: some 10 MiB, if all of them are met."""
NAMED = 200
"""Of how many addresses of a transaction the names of networks are noted."""
NEWEST = 20

_COUNTRY = itemgetter(Facts._fields.index("country_code"))
_NUMBER = itemgetter(Facts._fields.index("asn"))
_NETWORK = itemgetter(Facts._fields.index("asn"), Facts._fields.index("isp"))


@define(eq=False)
class Top(Generic[Name]):
    """Counters of at most `limit` names: where there would be more, the rarer half is forgotten."""

    limit: int = NAMES
    counts: Counter[Name] = field(factory=Counter)

    def add(self, names: Iterable[Name]) -> None:
        """Count each of these names once more."""
        self.counts.update(names)
        if len(self.counts) > self.limit:
            self.counts = Counter(dict(self.counts.most_common(self.limit // 2)))

    def most(self, count: int | None = None) -> list[tuple[Name, int]]:
        """The largest first; all without `count`."""
        return self.counts.most_common(count)


@frozen
class Seen:
    """A sighting as the page shows it."""

    sighting: Sighting
    facts: Facts
    botnet_type: str


@define(eq=False)
class Tops:
    """Countries and networks of the addresses written, one count an address and transaction; the newest sightings.

    A network is counted by its number. Its name is the one that a sample of its addresses had last.
    """

    countries: Top[str | None] = field(factory=Top)
    networks: Top[Network] = field(factory=Top)
    names: dict[int | None, str | None] = field(factory=dict)
    newest: deque[Seen] = field(factory=lambda: deque(maxlen=NEWEST))
    _turn: int = 0

    def saw(self, batches: Sequence[Batch], facts: Mapping[str, Facts]) -> None:
        """Batches were written with these facts: two passes over the addresses, none over the sightings.

        That is 0.2 to 0.4 µs an address, little more than counting a sample of them would take.
        """
        self.countries.add(map(_COUNTRY, facts.values()))
        self._count_networks(facts)
        self._note_names(facts)
        last = batches[-1]
        self.newest.extend(
            Seen(sighting, facts[sighting.ip], last.botnet_type) for sighting in last.sightings[-NEWEST:]
        )

    def _count_networks(self, facts: Mapping[str, Facts]) -> None:
        unknown = self.networks.counts[None]
        self.networks.add(map(_NUMBER, facts.values()))
        if self.networks.counts[None] != unknown:  # those without a number are counted by name instead
            self.networks.counts[None] = unknown
            self.networks.add(known.isp for known in facts.values() if known.asn is None)

    def _note_names(self, facts: Mapping[str, Facts]) -> None:
        """A different sample each time, so that every network that is seen much gets its name."""
        step = -(-len(facts) // NAMED) or 1
        self._turn += 1
        self.names.update(map(_NETWORK, islice(facts.values(), self._turn % step, None, step)))
        if len(self.names) > 2 * NAMES:
            self.names = {number: name for number, name in self.names.items() if number in self.networks.counts}

    def most_networks(self, count: int) -> Sequence[tuple[int | None, str | None, int]]:
        """Number, name and count of those counted most; without those of which neither is known."""
        most = [(network, counted) for network, counted in self.networks.most(count + 1) if network is not None]
        return [
            (None, network, counted) if isinstance(network, str) else (network, self.names.get(network), counted)
            for network, counted in most[:count]
        ]
