"""When the layout of old tables is looked at again."""

from collections import Counter

import pytest

from adapters.sinks import mysql_layout
from adapters.sinks.mysql_layout import Column, Layout, Table
from adapters.sinks.schema import ASCII_COLUMNS, TEXT_WIDTHS


def layout(**narrow: tuple[int, str]) -> Layout:
    """Tables as wide as new ones, but for these columns."""
    wide = {name: (width, "ascii" if name in ASCII_COLUMNS else "utf8mb4") for name, width in TEXT_WIDTHS.items()}
    columns = {
        name: Column(name, width, charset, nullable=True) for name, (width, charset) in {**wide, **narrow}.items()
    }
    numbers = {"asn": Column("asn", None, None, nullable=True)}
    return Layout(Table("n", "InnoDB", columns | numbers, {}), Table("c", "InnoDB", numbers, {}), Counter())


@pytest.mark.parametrize(
    ("narrow", "is_stale"),
    [({}, False), ({"city": (50, "utf8mb4")}, True), ({"isp": (255, "latin1")}, True), ({"ip": (15, "ascii")}, True)],
)
def test_narrow_tables_are_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
    narrow: dict[str, tuple[int, str]],
    is_stale: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Not before a minute has passed, and never where all is as wide as in new tables."""
    assert not layout(**narrow).is_stale
    monkeypatch.setattr(mysql_layout, "LOOK_AGAIN_SECONDS", 0.0)
    assert layout(**narrow).is_stale is is_stale
