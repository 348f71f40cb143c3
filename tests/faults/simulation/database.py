"""A database in memory: each write is one transaction, and its commit one instant."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import trio
from attrs import define, evolve, field

from engine.delivery import Batch, Start, Trial, Written
from engine.errors import RejectedError
from engine.sighting import Facts, Rejected
from engine.worker import DEADLY_TRIALS
from tests.faults.simulation.weather import Server, Weather

CURSED, DOUBTFUL, UNSTORABLE = "9.9.9.", "9.9.8.", "9.9.7."
"""How addresses begin that the database refuses: for a known reason, for an unknown one, and even as a dead letter."""

DEADLY = "the engine died whenever it was tried"


class RowKey(NamedTuple):
    """A row of `botnet_communications_<botnet_type>`."""

    botnet_type: str
    ip: str
    seen_at: str


class LetterKey(NamedTuple):
    """What tells dead letters apart."""

    source: str
    position: str
    original: bytes


class LedgerRow(NamedTuple):
    """One batch that was written."""

    received: int
    written: Written
    rejected: int


class Node(NamedTuple):
    """The counters of one address."""

    communications: int
    first_seen: str
    last_seen: str


class LoggedStart(NamedTuple):
    """An ownership of a source."""

    source: str
    at: float
    is_pending: bool


@define(eq=False)
class Database:
    """Tables. `row_limit` is the size above which a batch is too big; `on_doubt` hears of refusals without a class.

    `deadly` are the letters of records that engines died of.
    """

    server: Server
    weather: Weather
    row_limit: int
    on_doubt: Callable[[Batch], None]
    rows: dict[RowKey, str] = field(factory=dict)
    nodes: dict[tuple[str, str], Node] = field(factory=dict)
    dead: dict[LetterKey, Rejected] = field(factory=dict)
    ledger: dict[str, LedgerRow] = field(factory=dict)
    starts: list[LoggedStart] = field(factory=list)
    ended: set[int] = field(factory=set)
    trials: dict[str, Trial] = field(factory=dict)
    deadly: set[LetterKey] = field(factory=set)
    _flaky: set[str] = field(factory=set)

    def write(self, batches: Sequence[Batch], facts: Mapping[str, Facts]) -> list[Written]:
        """All or nothing. Raises RejectedError."""
        self._judge(batches)
        return [self._write(batch, facts) for batch in batches]

    def _write(self, batch: Batch, facts: Mapping[str, Facts]) -> Written:
        for seen in batch.sightings:
            if facts[seen.ip] != facts_of(seen.ip):
                self.weather.broken(f"{seen.ip} was given the facts of another address: {facts[seen.ip]}")
        keys = dict.fromkeys(RowKey(batch.botnet_type, seen.ip, seen.seen_at) for seen in batch.sightings)
        new = [key for key in keys if key not in self.rows]
        letters = {LetterKey(batch.source, letter.position, letter.original): letter for letter in batch.rejected}
        if any(letter.reason == DEADLY for letter in letters.values()):
            self._bury_deadly(batch, letters)
        written = Written(len(new), len(batch.sightings) - len(new), len(letters.keys() - self.dead.keys()))
        self.rows.update(dict.fromkeys(new, batch.name))
        self.count(new)
        self.dead = letters | self.dead
        self.ledger.setdefault(batch.name, LedgerRow(batch.size, written, len(batch.rejected)))
        return written

    def _judge(self, batches: Sequence[Batch]) -> None:
        size = sum(batch.size for batch in batches)
        if size > self.row_limit:
            raise RejectedError(f"{size} records are too many")
        for batch in batches:
            self._judge_alone(batch)

    def _judge_alone(self, batch: Batch) -> None:
        ips = [seen.ip for seen in batch.sightings]
        texts = [*ips, *(letter.original.decode() for letter in batch.rejected)]
        if any(UNSTORABLE in text for text in texts):
            raise RejectedError("unstorable")
        if any(ip.startswith(CURSED) for ip in ips):
            raise RejectedError("cursed")
        if any(ip.startswith(DOUBTFUL) for ip in ips) or self._is_flaky(batch):
            self.on_doubt(batch)
            raise RejectedError("doubtful", certain=False)

    def _bury_deadly(self, batch: Batch, letters: Iterable[LetterKey]) -> None:
        """A record is called deadly: engines must have died of it."""
        trial = (evolve(batch, span=None).name, batch.span[0] if batch.span else 0)
        if self.weather.deaths[trial] < DEADLY_TRIALS:
            self.weather.broken(f"{batch.name} is called deadly after {self.weather.deaths[trial]} deaths")
        self.deadly.update(letters)

    def _is_flaky(self, batch: Batch) -> bool:
        """A batch may be refused once for no reason; a record alone never is, or it would be buried."""
        flaky = self.weather.dials.flaky
        if batch.size == 1 or batch.name in self._flaky or not self.weather.happens(flaky):
            return False
        self._flaky.add(batch.name)
        return True

    def count(self, new: Sequence[RowKey]) -> None:
        """Count rows that were inserted in the nodes of their addresses."""
        for botnet_type, ip, seen_at in new:
            node = self.nodes.get((botnet_type, ip), Node(0, seen_at, seen_at))
            self.nodes[botnet_type, ip] = Node(
                node.communications + 1, min(node.first_seen, seen_at), max(node.last_seen, seen_at)
            )

    def record_start(self, source: str, within_seconds: float) -> Start:
        """Add a start, pending unless the one before it was ended; count the pending ones of late."""
        now = trio.current_time()
        before = [number for number, start in enumerate(self.starts) if start.source == source]
        is_pending = bool(before) and before[-1] not in self.ended
        self.starts.append(LoggedStart(source, now, is_pending))
        recent = [start for start in self.starts if start.source == source and start.at >= now - within_seconds]
        return Start(len(self.starts) - 1, sum(start.is_pending for start in recent))

    def is_latest(self, source: str, start: Start) -> bool:
        """Whether no start of the source came after this one."""
        return all(later.source != source for later in self.starts[start.id + 1 :])

    def record_end(self, starts: Sequence[Start]) -> None:
        """Note the end of starts."""
        self.ended.update(start.id for start in starts)


def facts_of(ip: str) -> Facts:
    """What the look-up knows of an address: something else of each."""
    return Facts(country_code="NL", asn=int(ip.rpartition(".")[2]))
