"""The layout of one botnet type's tables as they are in the server: old or new, wide or narrow."""

import re
import time
from collections import Counter
from collections.abc import Mapping

import structlog
from attrs import field, frozen

from adapters.sinks.schema import ASCII_COLUMNS, TEXT_WIDTHS
from engine.errors import UnavailableError

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")
NEEDED_IN_NODES = ("id", "ip", "status", "first_seen", "last_seen", "cleaned_time", "communication_count")
NEEDED_IN_COMMUNICATIONS = ("id", "node_id", "ip", "communication_time")
_TEXT_LIMIT = 255

UPGRADE = "python -m engine upgrade-schema"

LOOK_AGAIN_SECONDS = 60.0
"""How soon a running engine sees that a narrow table has been widened."""


@frozen
class Column:
    """A column as the server describes it. `length` counts characters; None where it is no text.

    `default` is the text of the value that stands where none is given; None where that is NULL, or not allowed.
    """

    name: str
    length: int | None
    charset: str | None
    nullable: bool
    default: str | None = None

    @property
    def is_optional(self) -> bool:
        """Whether leaving it out means NULL."""
        return self.nullable and self.default is None

    @property
    def is_stamped(self) -> bool:
        """Whether the server writes down the time where none is given."""
        return self.default is not None and self.default.lower().startswith("current_timestamp")

    @property
    def is_narrow(self) -> bool:
        """Whether it holds less than the text column of a new table."""
        if self.length is None or self.name not in TEXT_WIDTHS:
            return False
        return self.length < TEXT_WIDTHS[self.name] or (self.name not in ASCII_COLUMNS and self.charset != "utf8mb4")


@frozen
class Table:
    """A table as the server describes it: columns by name, and its unique keys."""

    name: str
    engine: str
    columns: Mapping[str, Column]
    unique_keys: Mapping[str, tuple[str, ...]]

    def unique_key(self, *columns: str) -> str:
        """The name of the unique key over exactly these columns. Raises UnavailableError saying how to add it."""
        for name, covered in self.unique_keys.items():
            if covered == columns:
                return name
        keys = ", ".join(columns)
        raise UnavailableError(f"table {self.name} has no unique key: ALTER TABLE `{self.name}` ADD UNIQUE ({keys});")

    def require(self, *columns: str) -> None:
        """Raise UnavailableError, saying what to do, unless the table can hold exact counts."""
        if self.engine != "InnoDB":
            raise UnavailableError(f"table {self.name} has no transactions: ALTER TABLE `{self.name}` ENGINE = InnoDB;")
        missing = [name for name in columns if name not in self.columns]
        if missing:
            raise UnavailableError(f"table {self.name} lacks the columns {', '.join(missing)}: add them")


@frozen
class Layout:
    """Both tables of a botnet type, and every statement that touches them."""

    nodes: Table
    communications: Table
    cuts: Counter[str] = field(factory=Counter, eq=False, repr=False)
    _read_at: float = field(factory=time.monotonic, eq=False, repr=False)

    @property
    def is_stale(self) -> bool:
        """Whether to look at the tables again: they are narrow, and somebody may have widened them meanwhile."""
        if time.monotonic() - self._read_at < LOOK_AGAIN_SECONDS:
            return False
        return any(column.is_narrow for table in (self.nodes, self.communications) for column in table.columns.values())

    @property
    def ip_length(self) -> int:
        """How many characters of an address both tables hold."""
        return min(table.columns["ip"].length or _TEXT_LIMIT for table in (self.nodes, self.communications))

    def fit(self, column: str, text: str) -> str:
        """Cut `text` to what the tables can hold in `column`; counted, and said once per column."""
        fitted = text
        for table in (self.nodes, self.communications):
            holds = table.columns.get(column)
            if holds is None:
                continue
            if (holds.charset or "").startswith(("utf8mb3", "utf8")) and holds.charset != "utf8mb4":
                fitted = _BEYOND_BMP.sub("\N{REPLACEMENT CHARACTER}", fitted)
            elif holds.charset in {"latin1", "ascii"}:
                fitted = fitted.encode(holds.charset, "replace").decode(holds.charset)
            fitted = fitted[: holds.length]
        fitted = fitted[:_TEXT_LIMIT]
        if fitted != text:
            if not self.cuts[column]:
                _log.warning(
                    "texts are cut: the column is too narrow", table=self.nodes.name, column=column, widen_it_by=UPGRADE
                )
            self.cuts[column] += 1
        return fitted


def layout_of(nodes: Table, communications: Table, cuts: Counter[str]) -> Layout:
    """Check that both tables can hold exact counts. Raises UnavailableError saying what to alter."""
    nodes.require(*NEEDED_IN_NODES)
    communications.require(*NEEDED_IN_COMMUNICATIONS)
    nodes.unique_key("ip")
    communications.unique_key("ip", "communication_time")
    return Layout(nodes, communications, cuts)


def warn_of(cuts: Mapping[str, int]) -> None:
    """Say how many different texts were cut, by column, once they are all counted."""
    if cuts:
        _log.warning("texts were cut to fit old tables", widen_them_by=UPGRADE, **cuts)
