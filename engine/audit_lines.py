"""The audit on a screen and as JSON. Pure."""

import json
from collections.abc import Iterator, Sequence

from attrs import asdict

from engine.audit import Balance, Counters

_SUMS = ("received", "written", "duplicates", "rejected", "queued", "missing")


def is_good(balances: Sequence[Balance], counters: Sequence[Counters]) -> bool:
    """Whether every record is accounted for, and every counter says what its rows say."""
    return all(balance.is_balanced for balance in balances) and all(_is_exact(kind) for kind in counters)


def as_json(balances: Sequence[Balance], counters: Sequence[Counters]) -> str:
    """One object on one line."""
    return json.dumps({
        "balanced": is_good(balances, counters),
        "sources": [asdict(each) | {"missing": each.missing, "balanced": each.is_balanced} for each in balances],
        "botnet_types": [kind._asdict() | {"exact": _is_exact(kind)} for kind in counters],
    })  # fmt: skip


def as_text(balances: Sequence[Balance], counters: Sequence[Counters]) -> str:
    """A line for each source, then what there is to say about it, then the verdict."""
    if not balances:
        return "nothing was ever received"
    width = max(len("source"), *(len(balance.source) for balance in balances))
    lines = [f"{'source':<{width}}" + "".join(f"{name:>14}" for name in _SUMS)]
    for balance in balances:
        sums = (getattr(balance, name) for name in _SUMS)
        lines.append(f"{balance.source:<{width}}" + "".join(f"{number:>14,}" for number in sums))
    for balance in balances:
        lines += [f"{balance.source}: {remark}" for remark in _remarks(balance)]
    lines += [
        f"botnet type {kind.botnet_type}: its nodes count {kind.counted:,} communications, "
        f"its table holds {kind.communications:,}"
        for kind in counters
        if not _is_exact(kind)
    ]
    good = "balanced: received = written + duplicates + rejected + queued"
    return "\n".join([*lines, good if is_good(balances, counters) else "NOT balanced"])


def _remarks(balance: Balance) -> Iterator[str]:
    if balance.missing > 0:
        yield f"{balance.missing:,} records were received, and are neither in the ledger nor in the queue"
    if balance.missing < 0:
        yield f"the ledger accounts for {-balance.missing:,} records more than were received"
    if balance.broken_rows:
        yield f"{balance.broken_rows:,} rows of the ledger do not add up"
    if balance.dead:
        yield f"{balance.dead:,} of the queued lie in the queue's own dead letters: see `dead-letters list`"
    if balance.dropped:
        yield f"{balance.dropped:,} of the rejected were dropped from the queue's own dead letters"
    if balance.retried:
        yield f"{balance.retried:,} of the rejected have been written since, by a retry"
    if balance.unremembered:
        yield (
            f"{balance.unremembered:,} more are in the ledger without a receipt (put before that time, or before the "
            "queue was emptied): only their rows are checked"
        )
    if balance.remembered_since:
        yield f"the queue has receipts since {balance.remembered_since} UTC (it keeps them for a week)"


def _is_exact(kind: Counters) -> bool:
    return kind.counted == kind.communications
