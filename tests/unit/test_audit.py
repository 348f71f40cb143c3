"""The arithmetic of the audit: receipts on one side, ledger rows on the other."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audit import DEAD, DROPPED, QUEUED, SETTLED, Balance, LedgerRow, LedgerTotal, Receipt, balance

PUT_AT = "2026-11-23 10:00:00"


def receipt(name: str = "s:0:1-10:0", size: int = 10, state: str = SETTLED) -> Receipt:
    """A receipt of the source `s`."""
    return Receipt("s", name, size, PUT_AT, state)


def row(  # noqa: PLR0917 - a row is a row
    begin: int | None = None,
    end: int | None = None,
    written: int = 10,
    duplicates: int = 0,
    rejected: int = 0,
    name: str = "s:0:1-10:0",
) -> LedgerRow:
    """A ledger row."""
    return LedgerRow(name, begin, end, written + duplicates + rejected, written, duplicates, rejected)


def total(rows: Sequence[LedgerRow]) -> LedgerTotal:
    """What the database says of these rows in sum."""
    sums = [sum(column) for column in zip(*((one.received, *one[4:]) for one in rows), strict=True)]
    return LedgerTotal("s", *sums)


def balance_of(receipts: Sequence[Receipt], rows: Sequence[LedgerRow]) -> Balance:
    """The balance of the only source."""
    (found,) = balance(receipts, rows, [total(rows)] if rows else [], {"s": PUT_AT})
    return found


def numbers(found: Balance) -> tuple[int, ...]:
    """Received, written, duplicates, rejected, queued, missing."""
    return found.received, found.written, found.duplicates, found.rejected, found.queued, found.missing


@pytest.mark.parametrize(
    ("receipts", "rows", "expected"),
    [
        ([], [], (0, 0, 0, 0, 0, 0)),
        ([receipt()], [row(written=7, duplicates=3)], (10, 7, 3, 0, 0, 0)),
        ([receipt()], [row(written=0, rejected=10)], (10, 0, 0, 10, 0, 0)),
        ([receipt(state=QUEUED)], [], (10, 0, 0, 0, 10, 0)),
        ([receipt()], [], (10, 0, 0, 0, 0, 10)),
        # committed, and not acknowledged yet
        ([receipt(state=QUEUED)], [row()], (10, 10, 0, 0, 0, 0)),
        # a piece committed, the rest still to come; or lost
        ([receipt(state=QUEUED)], [row(0, 4, written=4)], (10, 4, 0, 0, 6, 0)),
        ([receipt()], [row(0, 4, written=4)], (10, 4, 0, 0, 0, 6)),
        # the bad record alone
        ([receipt()], [row(0, 5, 5), row(5, 6, 0, 0, 1), row(6, 10, 3, 1)], (10, 8, 1, 1, 0, 0)),
        # pieces first, then delivered again as a whole; the other way round; cut elsewhere
        ([receipt()], [row(0, 5, 5), row(None, None, 5, 5)], (10, 10, 0, 0, 0, 0)),
        ([receipt()], [row(None, None, 5, 5), row(0, 5, 5)], (10, 10, 0, 0, 0, 0)),
        ([receipt()], [row(0, 5, 4, 1), row(3, 10, 4, 3)], (10, 8, 2, 0, 0, 0)),
        # of refused records nothing is a duplicate
        ([receipt()], [row(0, 5, 0, 0, 5), row(None, None, 0, 0, 10)], (10, 0, 0, 10, 0, 0)),
        # put twice, by a queue that fell back: one batch
        ([receipt(), receipt(state=QUEUED)], [row()], (10, 10, 0, 0, 0, 0)),
        ([receipt(), receipt(state=QUEUED)], [], (10, 0, 0, 0, 10, 0)),
        # a row that accounts for less than was received, or for more
        ([receipt()], [row(written=7)], (10, 7, 0, 0, 0, 3)),
        ([receipt(size=7)], [row()], (7, 10, 0, 0, 0, -3)),
        # the queue's own dead letters, there and dropped
        ([receipt(state=DEAD)], [], (10, 0, 0, 0, 10, 0)),
        ([receipt(state=DROPPED)], [], (10, 0, 0, 10, 0, 0)),
        ([receipt(state=DROPPED)], [row(0, 4, written=4)], (10, 4, 0, 6, 0, 0)),
    ],
)
def test_what_became_of_a_batch(
    receipts: Sequence[Receipt], rows: Sequence[LedgerRow], expected: tuple[int, ...]
) -> None:
    """Every record is in exactly one place, or missing."""
    found = balance_of(receipts, rows)
    assert numbers(found) == expected
    assert found.is_balanced == (found.missing == 0)


def test_dead_and_dropped_are_told_apart() -> None:
    """They are parts of queued and rejected."""
    found = balance_of([receipt("s:0:1-10:0", 10, DEAD), receipt("s:0:11-13:0", 3, DROPPED)], [])
    assert (found.queued, found.dead, found.rejected, found.dropped) == (10, 10, 3, 3)


def test_rows_without_receipts_are_not_received() -> None:
    """They are named apart: the queue was emptied, or has forgotten them."""
    rows = [row(), row(name="s:0:11-20:0")]
    (found,) = balance([receipt()], rows[:1], [total(rows)], {"s": PUT_AT})
    assert numbers(found) == (10, 10, 0, 0, 0, 0)
    assert (found.unremembered, found.remembered_since, found.is_balanced) == (10, PUT_AT, True)
    (found,) = balance([], [], [total(rows)], {})
    assert (found.received, found.unremembered, found.remembered_since, found.is_balanced) == (0, 20, None, True)


def test_a_row_that_does_not_add_up_is_no_balance() -> None:
    """Whatever the receipts say."""
    (found,) = balance([], [], [LedgerTotal("s", 10, 9, 0, 0, broken=1)], {})
    assert not found.is_balanced


def test_a_retry_counts_apart() -> None:
    """Its record was received, and rejected, before."""
    totals = [LedgerTotal("s", 10, 9, 0, 1, retried=1)]
    (found,) = balance([receipt()], [row(written=9, rejected=1)], totals, {"s": PUT_AT})
    assert numbers(found) == (10, 9, 0, 1, 0, 0)
    assert (found.retried, found.unremembered) == (1, 0)


def test_sources_are_apart_and_in_order() -> None:
    """Also those that only the ledger, or only the queue, knows."""
    found = balance([receipt()], [row()], [total([row()]), LedgerTotal("a", 1, 1, 0, 0)], {"s": PUT_AT, "z": PUT_AT})
    assert [each.source for each in found] == ["a", "s", "z"]


@given(st.integers(1, 60), st.integers(0, 2**32))
def test_however_a_batch_was_cut_it_is_counted_once(size: int, seed: int) -> None:
    """Delivered any number of times, cut anywhere each time, and interrupted anywhere: exact."""
    random = Random(seed)
    known_before = {place for place in range(size) if random.random() < 0.3}
    written: set[int] = set()
    rows: dict[tuple[int | None, int | None], LedgerRow] = {}
    for _ in range(random.randrange(4)):
        cuts = sorted({0, size, *random.choices(range(size + 1), k=random.randrange(4))})
        for begin, end in pairwise(cuts):
            if random.random() < 0.1:
                break
            new = {place for place in range(begin, end) if place not in known_before | written}
            whole = (begin, end) == (0, size)
            low, high = (None, None) if whole else (begin, end)
            rows.setdefault((low, high), row(low, high, len(new), end - begin - len(new)))
            written |= new
    covered = {place for one in rows.values() for place in range(one.begin or 0, size if one.end is None else one.end)}
    found = balance_of([receipt(size=size)], random.sample(list(rows.values()), len(rows)))
    assert found.written == len(written)
    assert found.duplicates == len(covered & known_before)
    assert found.missing == size - len(covered)
