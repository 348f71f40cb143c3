"""What was seen most: counters of a bounded number of names, filled once a transaction."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Generic, TypeVar

from attrs import define, field, frozen

from engine.delivery import Batch
from engine.sighting import Facts, Sighting

Name = TypeVar("Name")
Network = tuple[int | None, str | None]
"""Number and name."""

NAMES = 4_096
NEWEST = 20

_COUNTRY = itemgetter(Facts._fields.index("country_code"))
_NETWORK = itemgetter(Facts._fields.index("asn"), Facts._fields.index("isp"))


@define(eq=False)
class Top(Generic[Name]):
    """Counters of at most `limit` names: where there would be more, the rarer half is forgotten."""

    limit: int = NAMES
    counts: Counter[Name] = field(factory=Counter)

    def add(self, counted: Mapping[Name, int]) -> None:
        """Add to the counters."""
        self.counts.update(counted)
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
    """Countries and networks of the addresses written, one count an address and transaction; the newest sightings."""

    countries: Top[str | None] = field(factory=Top)
    networks: Top[Network] = field(factory=Top)
    newest: deque[Seen] = field(factory=lambda: deque(maxlen=NEWEST))

    def saw(self, batches: Sequence[Batch], facts: Mapping[str, Facts]) -> None:
        """Batches were written with these facts: two passes over the facts, none over the sightings."""
        self.countries.add(Counter(map(_COUNTRY, facts.values())))
        self.networks.add(Counter(map(_NETWORK, facts.values())))
        last = batches[-1]
        self.newest.extend(
            Seen(sighting, facts[sighting.ip], last.botnet_type) for sighting in last.sightings[-NEWEST:]
        )
