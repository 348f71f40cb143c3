"""A group of sightings, written out for the tables of one botnet type. Pure.

What describes an address is written out once and remembered, not once a row. A column of the communications in which no
address had a value so far does not travel at all: LOAD DATA spends time on each.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from attrs import frozen

from adapters.sinks.grouping import Grouped, Head, Seen
from adapters.sinks.literals import number, quote
from adapters.sinks.mysql_layout import Column, Layout, Table
from adapters.sinks.schema import FACT_COLUMNS, TEXT_COLUMNS, FactValue, fact_values
from engine.sighting import Facts

NOW = "UTC_TIMESTAMP()"
_REMEMBERED = 20_000
_UNKNOWN = Facts()


@frozen
class Rows:
    """A row per address and a row per sighting, in the order of addresses; `columns` are those of the sightings.

    `cleaned` has a row more for every address that was reported clean: a head with the latest report behind it.
    """

    heads: list[str]
    sightings: list[str]
    columns: Sequence[str]
    cleaned: Mapping[str, str]


def head_columns(layout: Layout) -> list[str]:
    """The columns of a head."""
    nodes = layout.nodes
    facts = [name for name in FACT_COLUMNS if name in nodes.columns]
    return ["ip", *facts, "status", "first_seen", "last_seen", "communication_count", *_stamps(nodes)]


def _stamps(nodes: Table) -> list[str]:
    """Columns of the time of writing which the server would not fill in by itself."""
    times = ("created_time", "updated_at")
    return [name for name in times if name in nodes.columns and not nodes.columns[name].is_stamped]


def _said_columns(communications: Table) -> list[str]:
    return [name for name in ("event_type", "received_at") if name in communications.columns]


class _Texts(dict[str, str]):
    """The literals of one text column, each made once, and cut to what both tables hold.

    Writers share them, each in its own thread: any of them may empty them at any moment.
    """

    def __init__(self, layout: Layout, column: str) -> None:
        super().__init__()
        self._layout = layout
        self._column = column

    def __missing__(self, text: str) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
        made = self[text] = quote(self._layout.fit(self._column, text))
        return made


class _Said(dict[Seen, str]):
    """The literals of what is kept of a sighting, each made once, each with a comma before it. Shared like `_Texts`."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self._columns = layout.communications.columns
        self._events = _Texts(layout, "event_type")

    def __missing__(self, seen: Seen) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
        event = self._columns.get("event_type")
        made = ""
        if event is not None:
            said = "NULL" if event.nullable else "''"
            made = "," + (said if seen.event_type is None else self._events[seen.event_type])
        if "received_at" in self._columns:
            made += f",'{seen.received_at}'"
        self[seen] = made
        return made


class _Described(dict[Facts, tuple[str, str]]):
    """The literals of facts: those of a node, and those of a communication, which has `columns` only.

    Shared like `_Texts`.
    """

    def __init__(self, layout: Layout, texts: Mapping[str, _Texts], columns: Sequence[str]) -> None:
        super().__init__()
        self.columns = columns
        self._texts = texts
        self._head = [layout.nodes.columns[name] for name in FACT_COLUMNS if name in layout.nodes.columns]
        self._tail = [layout.communications.columns[name] for name in columns]

    def __missing__(self, facts: Facts) -> tuple[str, str]:
        if len(self) >= _REMEMBERED:
            self.clear()
        values = dict(zip(FACT_COLUMNS, fact_values(facts), strict=True))
        head = "".join([self._literal(column, values) + "," for column in self._head])
        tail = "".join(["," + self._literal(column, values) for column in self._tail])
        made = self[facts] = (head, tail)
        return made

    def _literal(self, column: Column, values: Mapping[str, FactValue]) -> str:
        value = values[column.name]
        if isinstance(value, str):
            return self._texts[column.name][value]
        literal = number(value)
        return literal if literal != "NULL" or column.nullable else "''" if column.name in self._texts else "0"


class Formatter:
    """Turns addresses into rows. One serves all writers of its tables, each in its own thread."""

    def __init__(self, layout: Layout) -> None:
        columns = layout.communications.columns
        self._layout = layout
        self._stamps = f",{NOW}" * len(_stamps(layout.nodes))
        self._said_columns = _said_columns(layout.communications)
        self._said = _Said(layout)
        self._texts = {name: _Texts(layout, name) for name in TEXT_COLUMNS}
        self._described = self._describe(name for name, column in columns.items() if not column.is_optional)

    def rows(self, told: Grouped, heads: Sequence[Head], facts: Mapping[str, Facts]) -> Rows:
        """Write out what is told, and its heads; the same columns for all."""
        known = [facts.get(head.ip, _UNKNOWN) for head in heads]
        described, said, stamps = self._describing(set(known)), self._said, self._stamps
        ends = {head.ip: described[each] for head, each in zip(heads, known, strict=True)}
        tails = {ip: tail for ip, (_, tail) in ends.items()}
        return Rows(
            heads=[
                f"'{ip}',{start}'active','{first}','{last}',{count}{stamps}"
                if count
                else f"'{ip}',{start}'cleaned',NULL,NULL,0{stamps}"
                for (ip, first, last, count), (start, _) in zip(heads, ends.values(), strict=True)
            ],
            sightings=[f"'{ip}','{at}'{said[kept]}{tails[ip]}" for (ip, at), kept in told.seen.items()],
            columns=["ip", "communication_time", *self._said_columns, *described.columns],
            cleaned={
                ip: f"'{ip}',{ends[ip][0]}'cleaned',NULL,NULL,0{stamps},'{max(reports)}'"
                for ip, reports in told.cleanups.items()
            },
        )

    def _describing(self, facts: AbstractSet[Facts]) -> _Described:
        """Literals with a column for everything that any of these facts has."""
        described = self._described
        fresh = [fact_values(each) for each in facts if each not in described]
        used = {FACT_COLUMNS[place] for values in fresh for place, value in enumerate(values) if value is not None}
        if not used & self._layout.communications.columns.keys() <= {*described.columns}:
            described = self._described = self._describe(used | {*described.columns})
        return described

    def _describe(self, columns: Iterable[str]) -> _Described:
        wanted = self._layout.communications.columns.keys() & set(columns)
        return _Described(self._layout, self._texts, [name for name in FACT_COLUMNS if name in wanted])
