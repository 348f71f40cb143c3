"""An independent checker: its own SQL and its own idea of what must be there, no engine code.

It compares every communication, every node's counters and every dead letter with what was expected, and says what
differs.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from attrs import frozen

from tests.corpus import Expected, Node

Row = Sequence[object]


class Ask(Protocol):
    """Runs one query and returns all rows."""

    def __call__(self, query: str) -> Iterable[Row]: ...


def differences(ask: Ask, expected: Expected) -> list[str]:
    """Everything that is missing, extra or wrong; empty when the database is exact."""
    found: list[str] = []
    for kind, rows in sorted(expected.communications.items()):
        found += _communications(ask, kind, rows)
        found += _nodes(ask, kind, expected.nodes[kind])
    positions = [str(row[0]) for row in ask("SELECT position FROM dead_letters")]
    found += [f"dead letter {position} is missing" for position in sorted(expected.dead - set(positions))]
    found += [f"dead letter {position} is extra" for position in sorted(set(positions) - expected.dead)]
    if len(positions) != len(set(positions)):
        found.append(f"{len(positions) - len(set(positions))} dead letters are stored twice")
    return found


@frozen
class Tally:
    """How much differs: rows of the communications, and nodes with any counter or time that is not as it must be."""

    missing: int = 0
    extra: int = 0
    wrong_nodes: int = 0


def tally(ask: Ask, expected: Expected) -> Tally:
    """Count what `differences` names by example."""
    counted = Tally()
    for kind, wanted in expected.communications.items():
        rows = _sightings(ask, kind)
        nodes, right = _counters(ask, kind), _right(expected.nodes[kind])
        counted = Tally(
            counted.missing + len(wanted - set(rows)),
            counted.extra + len(rows) - len(wanted & set(rows)),
            counted.wrong_nodes + sum(nodes.get(ip) != right.get(ip) for ip in nodes.keys() | right.keys()),
        )
    return counted


def _sightings(ask: Ask, kind: str) -> list[tuple[str, str]]:
    rows = ask(f"SELECT ip, communication_time FROM botnet_communications_{kind}")
    return [(_text(ip), _text(moment)) for ip, moment in rows]


def _communications(ask: Ask, kind: str, expected: set[tuple[str, str]]) -> list[str]:
    rows = _sightings(ask, kind)
    found = []
    if missing := expected - set(rows):
        found.append(f"{kind}: {len(missing)} communications missing, such as {sorted(missing)[:3]}")
    if extra := set(rows) - expected:
        found.append(f"{kind}: {len(extra)} communications extra, such as {sorted(extra)[:3]}")
    if len(rows) != len(set(rows)):
        found.append(f"{kind}: {len(rows) - len(set(rows))} communications twice")
    strays = list(
        ask(
            f"SELECT c.ip FROM botnet_communications_{kind} c LEFT JOIN botnet_nodes_{kind} n "
            "ON n.id = c.node_id AND n.ip = c.ip WHERE n.id IS NULL"
        )
    )
    return found + ([f"{kind}: {len(strays)} communications without their node"] if strays else [])


def _counters(ask: Ask, kind: str) -> dict[str, tuple[object, ...]]:
    query = f"SELECT ip, communication_count, first_seen, last_seen, status, cleaned_time FROM botnet_nodes_{kind}"
    return {_text(ip): (count, *map(_text, rest)) for ip, count, *rest in ask(query)}


def _right(expected: dict[str, Node]) -> dict[str, tuple[object, ...]]:
    return {
        ip: (node.count, str(node.first_seen), str(node.last_seen), node.status, str(node.cleaned))
        for ip, node in expected.items()
    }


def _nodes(ask: Ask, kind: str, expected: dict[str, Node]) -> list[str]:
    rows, wanted = _counters(ask, kind), _right(expected)
    found = [f"{kind}: nodes missing: {sorted(wanted.keys() - rows.keys())[:3]}"] if wanted.keys() - rows.keys() else []
    found += [f"{kind}: nodes extra: {sorted(rows.keys() - wanted.keys())[:3]}"] if rows.keys() - wanted.keys() else []
    wrong = [ip for ip in wanted.keys() & rows.keys() if wanted[ip] != rows[ip]]
    return found + [f"{kind}: node {ip} is {rows[ip]}, not {wanted[ip]}" for ip in sorted(wrong)[:10]]


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
