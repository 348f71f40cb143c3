"""All servers of a run, what the collectors spool, and what every single event is held to."""

from random import Random

from attrs import define, field

from adapters.queues.memory import MemoryStore
from engine.delivery import Cursor
from tests.faults.simulation.collector import PATIENCE_SECONDS, Collector, Row, Seen, content
from tests.faults.simulation.database import CURSED, DOUBTFUL, UNSTORABLE, Database, LetterKey, RowKey
from tests.faults.simulation.plan import LEASE_SECONDS
from tests.faults.simulation.queue import QueueServer, Snapshot
from tests.faults.simulation.weather import Server, Weather

REFUSED = {"cursed": CURSED, "doubtful": DOUBTFUL, "unstorable": UNSTORABLE}
BAD = ("999.1.1.1", "10.0.0.1", "", "8.8.8.8\0")


@define(eq=False)
class World:
    """The servers. Ends the run at the first event that must not be."""

    weather: Weather
    queue: QueueServer
    database: Database
    lookup: Server
    collectors: list[Collector]
    _destroyed: list[Row] = field(factory=list)
    _made: int = 0

    @classmethod
    def of(cls, weather: Weather) -> "World":
        """Empty servers."""
        queue = QueueServer(MemoryStore(lease_seconds=LEASE_SECONDS), Server("queue", 5), weather)
        names = [f"s{number}" for number in range(weather.plan.sources)]
        return cls(
            weather=weather,
            queue=queue,
            database=Database(Server("database", 15), weather, weather.plan.row_limit, queue.refused),
            lookup=Server("lookup", 5),
            collectors=[Collector(name, Server(name, PATIENCE_SECONDS)) for name in names],
        )

    @property
    def servers(self) -> list[Server]:
        """All of them."""
        collectors = [collector.server for collector in self.collectors]
        return [self.queue.server, self.database.server, self.lookup, *collectors]

    def spool(self, count: int) -> None:
        """Let the collectors see that many more sightings; some of them twice, some broken."""
        rng, plan = self.weather.rng, self.weather.plan
        for _ in range(count):
            self._made += 1
            kind = _kind(rng, plan.oddities, unstorable=plan.unstorable)
            ip = rng.choice(BAD) if kind == "bad" else f"{REFUSED.get(kind, '8.8.8.')}{rng.randint(1, 6)}"
            time = f"00:0{rng.randint(0, 1)}:0{rng.randint(0, 4)}"
            if kind != "good":
                time = f"01:{self._made // 60:02}:{self._made % 60:02}"
            collector = rng.choice(self.collectors)
            botnet_type = rng.choice(("mirai", "mirai", "ramnit"))
            collector.add(Seen(self._made, kind, ip, f"2026-11-20T{time}", botnet_type), gap=rng.choice((0, 0, 0, 3)))

    def hidden(self, row: Row, *, is_documented: bool) -> None:
        """A record was confirmed: it must be in the database, unless the collector was reset after the probe."""
        if self.is_committed(row):
            return
        if not is_documented:
            self.weather.broken(f"confirmed but not committed: {row.kind} record {row.source}:{row.sequence}")
        row.is_exempt = True
        self.weather.count("documented loss")

    def found_reset(self, collector: Collector, cursor: Cursor) -> None:
        """The record at the stored cursor is gone, which has to have a reason."""
        is_stored = self.queue.store.source(collector.name).cursor == cursor
        has_reason = collector.life or self.queue.fell_back or self.weather.dials.empty
        if is_stored and not has_reason:
            self.weather.broken(f"the record at the cursor, {collector.name}:{cursor.sequence}, was confirmed")
        self.weather.count("reset found")

    def is_committed(self, row: Row) -> bool:
        """Whether what a record says became what it has to become, in the database.

        Under whatever number: a collector that is fed its old log again numbers the same records anew.
        """
        if row.kind == "good" and RowKey(row.botnet_type, row.ip, row.seen_at) in self.database.rows:
            return True
        letters = self.database.deadly if row.kind == "good" else self.database.dead
        ip, seen_at = row.ip.encode(), row.seen_at.encode()
        return any(key.source == row.source and ip in key.original and seen_at in key.original for key in letters)

    def reset(self, collector: Collector) -> None:
        """Lose a collector's spool. What had not come further than that may be lost."""
        self._destroyed += collector.reset()
        self._exempt_the_lost()

    def fall_back(self, snapshot: Snapshot) -> None:
        """Lose what the queue did since."""
        self.queue.fall_back(snapshot)
        self._exempt_the_lost()

    def _exempt_the_lost(self) -> None:
        """A record of a lost spool that is neither in the database nor in the queue need not arrive."""
        queued = self.queued()
        for row in self._destroyed:
            if letter_of(row) not in queued and not self.is_committed(row):
                row.is_exempt = True

    def queued(self) -> set[LetterKey]:
        """Every record that the queue holds, dead letters too, by number and content."""
        store = self.queue.store
        batches = [entry.batch for entry in store.deliveries.values()] + [batch for batch, _ in store.dead.values()]
        seen = {
            LetterKey(batch.source, str(one.sequence), content(batch.source, one.ip, one.seen_at, batch.botnet_type))
            for batch in batches
            for one in batch.sightings
        }
        return seen | {
            LetterKey(batch.source, one.position, one.original) for batch in batches for one in batch.rejected
        }


def letter_of(row: Row) -> LetterKey:
    """The dead letter of a record whose bytes are known."""
    return LetterKey(row.source, str(row.sequence), row.original)


def _kind(rng: Random, oddities: float, *, unstorable: bool) -> str:
    if rng.random() >= oddities:
        return "good"
    return rng.choice(("bad", "bad", "cursed", "doubtful", "unstorable" if unstorable else "bad"))
