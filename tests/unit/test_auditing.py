"""The audit of a running engine: by windows, on books in memory and trio's clock."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import trio
from attrs import define, field
from trio.testing import MockClock

from engine.audit import DROPPED, SETTLED, Counters, LedgerRow, LedgerTotal, Receipt
from engine.auditing import MANY, Auditing
from engine.dead_letters import QueueLetter

NOW = datetime.now(UTC).replace(microsecond=0)


@define(eq=False)
class Ledgered:
    """Receipts of a queue, and the ledger of a database; whether a batch was dropped is noted `dropped_at`.

    `windows` says how many receipts each question brought, and whether it had an end.
    """

    receipts_: Sequence[Receipt]
    rows: Mapping[str, LedgerRow]
    dropped_at: Mapping[str, str] = field(factory=dict)
    windows: list[tuple[int, bool]] = field(factory=list)

    async def receipts(self, since: str | None, until: str | None = None) -> Sequence[Receipt]:
        """Those of the window; what was dropped after its end is not known there."""
        await trio.lowlevel.checkpoint()
        found = [each for each in self.receipts_ if (since or "") <= each.put_at < (until or "a")]
        self.windows.append((len(found), until is not None))
        dropped = {name for name, moment in self.dropped_at.items() if until is None or moment < until}
        return [each._replace(state=DROPPED) if each.name in dropped else each for each in found]

    async def remembered_since(self) -> Mapping[str, str]:
        """The first."""
        await trio.lowlevel.checkpoint()
        return {each.source: each.put_at for each in reversed(self.receipts_)}

    async def read(self) -> Sequence[QueueLetter]:
        """None: see `engine.dead_letters.QueueLetters`, here and below."""
        return []

    async def newest(self, limit: int) -> Sequence[QueueLetter]:
        return []

    async def count(self) -> int:
        return 0

    async def drop(self, ids: Sequence[str]) -> int:
        return len(ids)

    async def ledger_rows(self, names: Collection[str]) -> Sequence[LedgerRow]:
        """See `engine.audit.Ledger`, here and below."""
        await trio.lowlevel.checkpoint()
        return [self.rows[name] for name in names if name in self.rows]

    async def ledger_totals(self, since: str | None) -> Sequence[LedgerTotal]:
        return []

    async def counters(self) -> Sequence[Counters]:
        return []


def books(moments: Sequence[datetime]) -> Ledgered:
    """A batch of ten records for each moment, all of them written."""
    receipts = [
        Receipt("s", f"s:{number}", 10, f"{moment:%Y-%m-%d %H:%M:%S}", SETTLED) for number, moment in enumerate(moments)
    ]
    return Ledgered(receipts, {each.name: LedgerRow(each.name, None, None, 10, 10, 0, 0) for each in receipts})


async def audited(ledgered: Ledgered) -> Auditing:
    """What is found when everything has been looked at once."""
    auditing = Auditing(ledgered, NOW)
    await auditing.look_lately(ledgered)
    await auditing.look_at_all(ledgered)
    return auditing


async def test_every_receipt_is_in_exactly_one_window(autojump_clock: MockClock) -> None:
    """In a busy time the windows get smaller; the sums are those of all."""
    busy = [NOW - timedelta(minutes=50) + timedelta(seconds=number // 20) for number in range(10_000)]
    week = [NOW - timedelta(days=7) + timedelta(hours=number) for number in range(160)]
    ledgered = books([*week, *busy])
    auditing = await audited(ledgered)
    whole, lately = auditing.whole, auditing.lately
    assert whole is not None
    assert (whole.received, whole.written, whole.missing, whole.balanced) == (101_600, 101_600, 0, True)
    assert whole.since == f"{week[0]:%Y-%m-%dT%H:%M:%SZ}"
    sizes = [size for size, has_end in ledgered.windows if has_end]
    assert sum(sizes) == 10_160
    assert len([size for size in sizes if size > MANY]) <= 2
    assert len(sizes) < 1_100
    assert lately is not None
    assert lately.received == 0


async def test_what_was_dropped_later_is_not_missing(autojump_clock: MockClock) -> None:
    """The note stands behind the end of the window: that window is read to the end; what is lost stays missing."""
    ledgered = books([NOW - timedelta(days=2, minutes=number) for number in range(10, 0, -1)])
    ledgered.rows = {name: row for name, row in ledgered.rows.items() if name not in {"s:1", "s:9"}}
    ledgered.dropped_at = {"s:1": f"{NOW - timedelta(days=1):%Y-%m-%d %H:%M:%S}"}
    whole = (await audited(ledgered)).whole
    assert whole is not None
    assert (whole.received, whole.written, whole.rejected, whole.missing) == (100, 80, 10, 10)
    assert not whole.balanced
