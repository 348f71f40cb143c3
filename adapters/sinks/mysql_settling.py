"""Dead letters that are settled in MySQL: taken away, and remembered as such in the ledger."""
# ruff: noqa: S608 - numbers and quoted texts only

from collections.abc import Sequence

from adapters.sinks.literals import portions, quote
from adapters.sinks.settling import SETTLED_PREFIX, listed, settled_name
from adapters.sinks.wire import Wire
from engine.dead_letters import AFTERWARDS

_SETTLED = f"CONCAT('{SETTLED_PREFIX}', source, ':', position, ':', digest)"


def remove(wire: Wire, ids: Sequence[int]) -> int:
    """Take letters away and remember that they are settled, without a commit; return how many were there."""
    wire.execute(
        "INSERT INTO engine_ledger (source, epoch, `first`, `last`, part, name, botnet_type, "
        "received, written, duplicates, rejected, created_time) "
        f"SELECT source, epoch, 0, 0, {AFTERWARDS}, {_SETTLED}, botnet_type, 0, 0, 0, 0, UTC_TIMESTAMP() "
        f"FROM dead_letters WHERE id IN ({listed(ids)}) ORDER BY dead_letters.id "
        "ON DUPLICATE KEY UPDATE engine_ledger.id = engine_ledger.id"
    )
    return wire.execute(f"DELETE FROM dead_letters WHERE id IN ({listed(ids)})")


def remove_settled(wire: Wire, keys: Sequence[tuple[str, str, str]]) -> int:
    """Of the letters just inserted, by source, position and digest: take those away that were settled before.

    Looked at after the insert, which waits for whoever is settling the same letter.
    """
    named = {settled_name(*key): key for key in keys}
    found: list[str] = []
    for names in portions(list(named)):
        quoted = ", ".join(map(quote, names))
        rows = wire.rows(f"SELECT name FROM engine_ledger WHERE name IN ({quoted})")
        found += [str(name) for (name,) in rows]
    return sum(wire.execute(_delete(*named[name])) for name in found)


def _delete(source: str, position: str, digest: str) -> str:
    key = f"source = {quote(source)} AND position = {quote(position)} AND digest = {quote(digest)}"
    return f"DELETE FROM dead_letters WHERE {key}"
