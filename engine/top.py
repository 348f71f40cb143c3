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
Network = tuple[int | None, str | None]
"""Number and name."""

SAMPLE = 500
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
    """Countries and networks of the addresses written, one count an address and transaction; the newest sightings.

    Of a transaction of more than SAMPLE addresses every n-th counts n times: what this costs does not grow with it.
    """

    countries: Top[str | None] = field(factory=Top)
    networks: Top[Network] = field(factory=Top)
    newest: deque[Seen] = field(factory=lambda: deque(maxlen=NEWEST))
    _turn: int = 0

    def saw(self, batches: Sequence[Batch], facts: Mapping[str, Facts]) -> None:
        """Batches were written with these facts: two passes over a sample of the facts, none over the sightings."""
        step = -(-len(facts) // SAMPLE) or 1
        self._turn += 1
        sample = list(islice(facts.values(), self._turn % step, None, step))
        self.countries.add(_counted(map(_COUNTRY, sample), step))
        self.networks.add(_counted(map(_NETWORK, sample), step))
        last = batches[-1]
        self.newest.extend(
            Seen(sighting, facts[sighting.ip], last.botnet_type) for sighting in last.sightings[-NEWEST:]
        )


def _counted(names: Iterable[Name], times: int) -> Mapping[Name, int]:
    return {name: count * times for name, count in Counter(names).items()}
