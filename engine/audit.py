"""What was received, and what became of it: the queue's receipts held against the ledger of the database.

The queue writes a *receipt* for every batch in the atomic step that stores the batch: its name and how many records it
holds. The database writes a *ledger row* in the transaction that writes the batch, or a piece of it. Neither knows of
the other, so that comparing them batch by batch proves that nothing got lost between:

    received = written + duplicates + rejected + queued

per source, where `received` is the sum of the receipts and the right side comes from the ledger, plus what is still in
the queue. It is exact at every moment, also while engines run: a batch leaves the queue only after its commit, and the
ledger is read after the queue.

- A batch is known by its name, and names are what they hold: delivered twice, it has one row; put twice, after a Redis
  that fell back to an earlier state, it has two receipts and is one batch.
- Records in two rows, because a batch was cut elsewhere the second time, are counted once.
- The queue keeps receipts for a week. One that was emptied has none from before: `remembered_since` says so, and
  what came earlier is only checked against itself, row by row. What was pulled again has receipts again.
- What a retry writes, or a dropped dead letter, is not received anew: it was counted as rejected, and stays so.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from attrs import define, field, frozen

NAMES_AT_ONCE = 2_000

QUEUED, DEAD, DROPPED, SETTLED = "queued", "dead", "dropped", "settled"
"""Where the queue has a batch: waiting or on lease, in its own dead letters, dropped from there, or no longer."""


class Receipt(NamedTuple):
    """The queue's note of a batch; `put_at` UTC like `seen_at`."""

    source: str
    name: str
    size: int
    put_at: str
    state: str


class LedgerRow(NamedTuple):
    """The database's note of a batch, or of the piece `begin` to `end` of it; both are None for a whole one."""

    name: str
    begin: int | None
    end: int | None
    received: int
    written: int
    duplicates: int
    rejected: int


class LedgerTotal(NamedTuple):
    """The sum of a source's ledger rows: received = written + duplicates + rejected.

    `retried` records were written by retries of dead letters and count in none of the others; `broken` rows do not
    add up.
    """

    source: str
    received: int
    written: int
    duplicates: int
    rejected: int
    retried: int = 0
    broken: int = 0


class Counters(NamedTuple):
    """One botnet type: the sum of its nodes' counters, and the rows they count."""

    botnet_type: str
    counted: int
    communications: int


class Receipts(Protocol):
    """The receipts of a queue. Each method raises UnavailableError while the server is away."""

    async def receipts(self, since: str | None, until: str | None = None) -> Sequence[Receipt]:
        """Those of batches put at or after `since`, and before `until`, in their order.

        With `until`, one that was dropped later may be called settled.
        """
        ...

    async def remembered_since(self) -> Mapping[str, str]:
        """Per source, when the oldest receipt was written."""
        ...


class Ledger(Protocol):
    """The ledger of a database. Each method raises UnavailableError while the server is away."""

    async def ledger_rows(self, names: Collection[str]) -> Sequence[LedgerRow]:
        """The rows of these batches and of their pieces."""
        ...

    async def ledger_totals(self, since: str | None) -> Sequence[LedgerTotal]:
        """Sum up the ledger per source, of rows written at or after `since` (UTC like `seen_at`)."""
        ...

    async def counters(self) -> Sequence[Counters]:
        """Compare counters with rows, per botnet type. Reads whole tables."""
        ...


@frozen
class Balance:
    """One source: received = written + duplicates + rejected + queued, or something is `missing`.

    `dropped` of the rejected were dropped from the queue's own dead letters, `dead` of the queued still lie there.
    `unremembered` are records in ledger rows of batches for which the queue has no receipt.
    """

    source: str
    received: int = 0
    written: int = 0
    duplicates: int = 0
    rejected: int = 0
    queued: int = 0
    dead: int = 0
    dropped: int = 0
    retried: int = 0
    broken_rows: int = 0
    unremembered: int = 0
    remembered_since: str | None = None

    @property
    def missing(self) -> int:
        """Records that were received, and that neither the database nor the queue knows."""
        return self.received - self.written - self.duplicates - self.rejected - self.queued

    @property
    def is_balanced(self) -> bool:
        """Whether every record is accounted for."""
        return self.missing == 0 and self.broken_rows == 0


async def audit(
    receipts: Receipts, ledger: Ledger, since: str | None, show: Callable[[int, int], None] = lambda _done, _total: None
) -> list[Balance]:
    """The balance of every source; `show` is told how many batches are looked up, and how many there are.

    First the queue, then the rows: what left the one is in the others. The sums before both: what is in them has its
    receipt already.
    """
    totals = await ledger.ledger_totals(since)
    remembered = await receipts.remembered_since()
    noted = await receipts.receipts(since)
    names = sorted({receipt.name for receipt in noted})
    rows: list[LedgerRow] = []
    for begin in range(0, len(names), NAMES_AT_ONCE):
        show(begin, len(names))
        rows += await ledger.ledger_rows(names[begin : begin + NAMES_AT_ONCE])
    return balance(noted, rows, totals, remembered)


def balance(
    receipts: Iterable[Receipt],
    rows: Iterable[LedgerRow],
    totals: Iterable[LedgerTotal],
    remembered: Mapping[str, str],
) -> list[Balance]:
    """Hold receipts against rows. Pure."""
    batches: dict[str, _Batch] = {}
    for receipt in receipts:
        batches.setdefault(receipt.name, _Batch(receipt.source)).put(receipt)
    for row in rows:
        if row.name in batches:
            batches[row.name].add(row)
    by_source: dict[str, list[_Batch]] = {source: [] for source in remembered}
    for batch in batches.values():
        by_source.setdefault(batch.source, []).append(batch)
    summed = {total.source: total for total in totals}
    return [
        _balance(source, by_source.get(source, []), summed.get(source), remembered.get(source))
        for source in sorted({*by_source, *summed})
    ]


def _balance(source: str, batches: Sequence["_Batch"], total: LedgerTotal | None, since: str | None) -> Balance:
    ledger = total or LedgerTotal(source, 0, 0, 0, 0)
    known = sum(batch.in_ledger for batch in batches)
    return Balance(
        source=source,
        received=sum(batch.size for batch in batches),
        written=sum(batch.written for batch in batches),
        duplicates=sum(batch.duplicates for batch in batches),
        rejected=sum(batch.rejected + batch.dropped for batch in batches),
        queued=sum(batch.queued for batch in batches),
        dead=sum(batch.queued for batch in batches if batch.states <= {DEAD, SETTLED}),
        dropped=sum(batch.dropped for batch in batches),
        retried=ledger.retried,
        broken_rows=ledger.broken,
        unremembered=max(0, ledger.received - known),
        remembered_since=since,
    )


@define
class _Batch:
    """One batch: its receipts, and its ledger rows in any order."""

    source: str
    size: int = 0
    states: set[str] = field(factory=set)
    written: int = 0
    in_ledger: int = 0
    _duplicates: int = 0
    _rejected: int = 0
    _spans: list[tuple[int, int]] = field(factory=list)

    def put(self, receipt: Receipt) -> None:
        """It was put, perhaps again."""
        self.size = receipt.size
        self.states.add(receipt.state)

    def add(self, row: LedgerRow) -> None:
        """A row accounts for some of its records."""
        if row.begin is None or row.end is None:
            self._spans.append((0, row.received))
        else:
            self._spans.append((row.begin, row.end))
        self.in_ledger += row.received
        self.written += row.written
        self._duplicates += row.duplicates
        self._rejected += row.rejected

    @property
    def repeated(self) -> int:
        """How many records stand in one row too many: found written the second time, or refused once more."""
        return self.in_ledger - _covered(self._spans)

    @property
    def duplicates(self) -> int:
        """Records that the database had before, from another batch or twice in this one."""
        return self._duplicates - min(self.repeated, self._duplicates)

    @property
    def rejected(self) -> int:
        """Records that are dead letters."""
        return self._rejected - max(0, self.repeated - self._duplicates)

    @property
    def open(self) -> int:
        """The records that no row accounts for."""
        return self.size - self.written - self.duplicates - self.rejected

    @property
    def queued(self) -> int:
        """Those of them that are in the queue, its dead letters included."""
        return max(0, self.open) if self.states & {QUEUED, DEAD} else 0

    @property
    def dropped(self) -> int:
        """Those of them that somebody dropped from the queue's dead letters."""
        return self.open if DROPPED in self.states and not self.states & {QUEUED, DEAD} else 0


def _covered(spans: Iterable[tuple[int, int]]) -> int:
    """How many places lie in at least one of the spans."""
    total = reached = 0
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return total
