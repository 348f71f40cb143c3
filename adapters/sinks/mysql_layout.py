"""The layout of one botnet type's tables as they are in the server: old or new, wide or narrow."""

import re
from collections import Counter
from collections.abc import Mapping

import structlog
from attrs import field, frozen

from engine.errors import UnavailableError

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")
_NEEDED_IN_NODES = ("id", "ip", "status", "first_seen", "last_seen", "cleaned_time", "communication_count")
_NEEDED_IN_COMMUNICATIONS = ("id", "node_id", "ip", "communication_time")
_STAGE_WIDTH = 255


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

    @property
    def ip_length(self) -> int:
        """How many characters of an address both tables hold."""
        return min(table.columns["ip"].length or _STAGE_WIDTH for table in (self.nodes, self.communications))

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
        fitted = fitted[:_STAGE_WIDTH]
        if fitted != text:
            if not self.cuts[column]:
                _log.warning("texts are cut: the column is too narrow", table=self.nodes.name, column=column)
            self.cuts[column] += 1
        return fitted


def layout_of(nodes: Table, communications: Table, cuts: Counter[str]) -> Layout:
    """Check that both tables can hold exact counts. Raises UnavailableError saying what to alter."""
    nodes.require(*_NEEDED_IN_NODES)
    communications.require(*_NEEDED_IN_COMMUNICATIONS)
    nodes.unique_key("ip")
    communications.unique_key("ip", "communication_time")
    return Layout(nodes, communications, cuts)
