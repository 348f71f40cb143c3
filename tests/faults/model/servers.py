"""Queue and database of the model, each as little as its contract. Every method is one atomic step."""

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from attrs import define, field

from engine.delivery import Cursor, Debt, Mark, Start

DELIVERY_LEASE_SECONDS = 20.0


class Parcel(NamedTuple):
    """A batch in the queue."""

    epoch: int
    first: int
    marks: Sequence[Mark]


class _State(NamedTuple):
    """What the queue has on disk at one moment."""

    cursor: Cursor
    marks: list[Mark]
    parcels: dict[int, Parcel]
    leased: dict[int, float]
    owner: tuple[str, float]
    told: int
    stored: int


@define(eq=False)
class Queue:
    """Cursor, marks, batches and the lease on the source; it can fall back to an earlier moment, or to nothing.

    `told` and `stored` are counters for the protocols that remember instead of observing.
    """

    cursor: Cursor = field(factory=Cursor)
    marks: list[Mark] = field(factory=list)
    parcels: dict[int, Parcel] = field(factory=dict)
    leased: dict[int, float] = field(factory=dict)
    owner: tuple[str, float] = ("", 0.0)
    told: int = 0
    stored: int = 0
    keeps_history: bool = False
    _history: deque[_State] = field(factory=lambda: deque(maxlen=12))
    _last_id: int = 0

    def acquire(self, engine: str, seconds: float, now: float) -> bool:
        """`engine.ports.Queue.acquire`."""
        owner, until = self.owner
        if owner != engine and until > now:
            return False
        self._remember()
        self.owner = (engine, now + seconds)
        return True

    def resign(self, engine: str) -> None:
        """`engine.ports.Queue.resign`."""
        if self.owner[0] == engine:
            self._remember()
            self.owner = ("", 0.0)

    def put(self, engine: str, now: float, start: Cursor, end: Cursor, batches: Sequence[Sequence[Mark]]) -> bool:
        """`engine.ports.Queue.put`; the batches of a page hold its marks."""
        if self.cursor == end:
            return True
        if self.cursor != start or (self.owner[0] != engine and self.owner[1] > now):
            return False
        self._remember()
        marks = sorted(mark for batch in batches for mark in batch)
        self.marks = self.marks + marks if end.epoch == self.cursor.epoch else marks
        self.cursor = end
        self.stored += len(marks)
        self._add(end.epoch, batches)
        return True

    def push(self, batches: Sequence[Sequence[Mark]]) -> None:
        """Store batches without a cursor."""
        self._remember()
        self._add(self.cursor.epoch, batches)

    def _add(self, epoch: int, batches: Sequence[Sequence[Mark]]) -> None:
        for batch in batches:  # ids are never given twice, not even after a rollback
            self._last_id += 1
            self.parcels[self._last_id] = Parcel(epoch, batch[0].sequence, batch)

    def claimable(self, now: float) -> list[int]:
        """Ids of the batches nobody holds."""
        return [id_ for id_ in self.parcels if self.leased.get(id_, 0.0) <= now]

    def claim(self, id_: int, now: float) -> Parcel:
        """Take one of those on lease."""
        self.leased[id_] = now + DELIVERY_LEASE_SECONDS
        return self.parcels[id_]

    def ack(self, id_: int) -> None:
        """`engine.ports.Queue.ack`."""
        if id_ in self.parcels:
            self._remember()
            del self.parcels[id_]
            self.leased.pop(id_, None)

    def release(self, id_: int) -> None:
        """`engine.ports.Queue.release`."""
        self.leased.pop(id_, None)

    def debt(self, front: Mark, limit: int, since: Mark | None, *, committed_only: bool = True) -> Debt | None:
        """`engine.ports.Queue.debt`."""
        at = bisect_left(self.marks, front)
        if at == len(self.marks) or self.marks[at] != front:
            return None
        moved = at - bisect_left(self.marks, (since.sequence,), hi=at) if since else 0
        settled = bisect_left(self.marks, (self.watermark if committed_only else inf,))
        if at:
            self._remember()
            del self.marks[:at]
        return Debt(min(limit, max(0, settled - at)), moved)

    @property
    def watermark(self) -> float:
        """The first number of the current epoch that is not settled."""
        epoch = self.cursor.epoch
        return min((parcel.first for parcel in self.parcels.values() if parcel.epoch == epoch), default=inf)

    @property
    def settled(self) -> int:
        """How many records ever stored are settled, without a gap: what a protocol with counters believes."""
        return self.stored - (len(self.marks) - bisect_left(self.marks, (self.watermark,)))

    def tell(self, count: int) -> None:
        """Write down that so many records are going to be confirmed."""
        self._remember()
        self.told += count

    def rewind(self, cursor: Cursor) -> None:
        """Set the cursor, whatever it was."""
        self._remember()
        self.cursor = cursor

    def _remember(self) -> None:
        if self.keeps_history:
            self._history.append(self._state())

    def _state(self) -> _State:
        return _State(
            self.cursor, self.marks[:], self.parcels.copy(), self.leased.copy(), self.owner, self.told, self.stored
        )

    def roll_back(self, writes: int) -> None:
        """Crash, and come back without the last `writes` writes."""
        for _ in range(min(writes, len(self._history))):
            state = self._history.pop()
            self.cursor, self.marks, self.parcels, self.leased, self.owner, self.told, self.stored = state

    def wipe(self) -> None:
        """Crash, and come back with nothing."""
        self._history.clear()
        empty = _State(Cursor(), [], {}, {}, ("", 0.0), 0, 0)
        self.cursor, self.marks, self.parcels, self.leased, self.owner, self.told, self.stored = empty


class _Entry(NamedTuple):
    """One line of the start log."""

    at: float
    is_pending: bool


@define(eq=False)
class Database:
    """Rows and the start log; it never rolls back."""

    rows: set[int] = field(factory=set)
    _starts: list[_Entry] = field(factory=list)
    _ended: set[int] = field(factory=set)

    def write(self, marks: Sequence[Mark]) -> None:
        """Commit a batch; what is there already stays as it is."""
        self.rows.update([mark.fingerprint for mark in marks])

    def record_start(self, now: float, within_seconds: float) -> Start:
        """`engine.ports.StartLog.record_start`."""
        last = len(self._starts) - 1
        self._starts.append(_Entry(now, last >= 0 and last not in self._ended))
        return Start(last + 1, sum(entry.is_pending for entry in self._starts if entry.at >= now - within_seconds))

    def is_latest(self, start: Start) -> bool:
        """`engine.ports.StartLog.is_latest`."""
        return start.id == len(self._starts) - 1

    def record_end(self, starts: Sequence[Start]) -> None:
        """`engine.ports.StartLog.record_end`."""
        self._ended.update(start.id for start in starts)
