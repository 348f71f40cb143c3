"""A group of sightings, written out."""

from collections import Counter
from collections.abc import Sequence

import pytest
from attrs import evolve

from adapters.sinks.grouping import Grouped, Head, by_address
from adapters.sinks.mysql_layout import Column, Layout, Table
from adapters.sinks.mysql_rows import Formatter, head_columns
from adapters.sinks.schema import FACT_COLUMNS
from engine.delivery import Batch
from engine.sighting import Facts, Sighting


def told(*sightings: Sighting) -> tuple[Grouped, Sequence[Head]]:
    """A batch that was received at `r`, by address."""
    grouped = by_address([Batch("s", 0, 1, 1, 0, "r", "kind", sightings)])
    return grouped, grouped.heads()


def layout(width: int = 255, charset: str = "utf8mb4", *, nullable: bool = True) -> Layout:
    """Tables whose columns are all alike."""
    names = ("ip", "event_type", "received_at", "updated_at", *FACT_COLUMNS)
    columns = {name: Column(name, width, charset, nullable=nullable) for name in names}
    return Layout(Table("n", "InnoDB", columns, {}), Table("c", "InnoDB", columns, {}), Counter())


def test_a_row_per_address_and_a_row_per_sighting() -> None:
    """The head counts and dates its address; a report that it is clean makes a row of its own."""
    sightings = [Sighting("1.1.1.1", "b", 1), Sighting("1.1.1.1", "a", 2), Sighting("1.1.1.1", "c", 3, cleanup=True)]
    sightings.append(Sighting("2.2.2.2", "d", 4, cleanup=True))
    rows = Formatter(layout()).rows(*told(*sightings), {"1.1.1.1": Facts("CN", asn=7, latitude=1.5)})
    facts, none, now = "NULL,1.5,NULL,'CN',NULL,NULL,NULL,NULL,7,1", ",".join(["NULL"] * 10), "UTC_TIMESTAMP()"
    assert rows.heads == [
        f"'1.1.1.1',{facts},'active','a','b',2,{now}",
        f"'2.2.2.2',{none},'cleaned',NULL,NULL,0,{now}",
    ]
    assert {head.count(",") + 1 for head in rows.heads} == {len(head_columns(layout()))}
    assert rows.cleaned == {
        "1.1.1.1": f"'1.1.1.1',{facts},'cleaned',NULL,NULL,0,{now},'c'",
        "2.2.2.2": f"'2.2.2.2',{none},'cleaned',NULL,NULL,0,{now},'d'",
    }
    assert rows.sightings == ["'1.1.1.1','a',NULL,'r',1.5,'CN',7,1", "'1.1.1.1','b',NULL,'r',1.5,'CN',7,1"]
    facts_told = ["latitude", "country_code", "asn", "is_china"]
    assert rows.columns == ["ip", "communication_time", "event_type", "received_at", *facts_told]


def test_a_column_travels_from_the_first_value_on() -> None:
    """What no address had so far is left out; what one had once goes along for ever, all rows alike."""
    formatter, one = Formatter(layout()), told(Sighting("1.1.1.1", "a", 1))
    made = [formatter.rows(*one, {"1.1.1.1": facts}) for facts in (Facts(), Facts(isp="x"), Facts(city="y"), Facts())]
    assert [rows.columns[4:] for rows in made] == [[], ["isp"], ["city", "isp"], ["city", "isp"]]
    assert [rows.sightings[0].split(",")[4:] for rows in made] == [[], ["'x'"], ["'y'", "NULL"], ["NULL", "NULL"]]


def test_what_may_not_be_null_is_empty_and_travels() -> None:
    """Old tables forbid NULL here and there."""
    rows = Formatter(layout(nullable=False)).rows(
        *told(Sighting("1.1.1.1", "a", 1)), {"1.1.1.1": Facts(isp="x", latitude=float("nan"))}
    )
    assert rows.columns[4:] == list(FACT_COLUMNS)
    assert rows.sightings == ["'1.1.1.1','a','','r',0,0,'','','','','','x',0,0"]


def test_what_the_tables_do_not_have_is_left_out() -> None:
    """Old tables lack a column here and there."""
    whole = layout()
    named = {
        name: column for name, column in whole.nodes.columns.items() if name not in {"isp", "event_type", "updated_at"}
    }
    old = evolve(
        whole, nodes=evolve(whole.nodes, columns=named), communications=evolve(whole.communications, columns=named)
    )
    formatter, facts = Formatter(old), {"1.1.1.1": Facts(isp="x", city="y")}
    first, again = (formatter.rows(*told(Sighting("1.1.1.1", at, 1, event_type="e")), facts) for at in "ab")
    assert first.columns == again.columns == ["ip", "communication_time", "received_at", "city"]
    assert again.sightings == ["'1.1.1.1','b','r','y'"]
    assert again.heads == ["'1.1.1.1',NULL,NULL,NULL,NULL,NULL,'y',NULL,NULL,NULL,'active','b','b',1"]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More distinct texts and facts than are remembered change nothing in the rows."""
    monkeypatch.setattr("adapters.sinks.mysql_rows._REMEMBERED", 3)
    formatter = Formatter(layout())
    for n in range(10):
        one = told(Sighting("1.1.1.1", "a", 1, event_type=f"e{n}"))
        assert formatter.rows(*one, {"1.1.1.1": Facts(city=str(n))}).sightings == [f"'1.1.1.1','a','e{n}','r','{n}'"]


def test_another_writer_may_empty_the_memory_at_any_moment() -> None:
    """Writers of one botnet type share what is remembered, in threads: what is not there any more is made again."""
    grouped, facts = told(Sighting("1.1.1.1", "a", 1, event_type="e")), {"1.1.1.1": Facts(isp="x")}
    formatter = Formatter(layout())
    rows = formatter.rows(*grouped, facts)
    formatter._said.clear()
    formatter._said._events.clear()
    formatter._described.clear()
    for memory in formatter._texts.values():
        memory.clear()
    assert formatter.rows(*grouped, facts) == rows


@pytest.mark.parametrize(
    ("charset", "fitted"),
    [("utf8mb4", "Łód 😀"), ("utf8mb3", "Łód \N{REPLACEMENT CHARACTER}"), ("latin1", "?ód ?"), ("ascii", "??d ?")],
)
def test_texts_are_fitted_to_charset_and_width(charset: str, fitted: str) -> None:
    """What a column cannot hold is replaced or cut, and counted."""
    narrow = layout(5, charset)
    assert narrow.fit("city", "Łód 😀ź") == fitted
    assert narrow.fit("city", "Rome") == "Rome"
    assert narrow.cuts == {"city": 1}
