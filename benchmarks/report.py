"""What a scenario reports: a table, the figures behind it, and its targets, met or not. Pure."""

import statistics
from collections.abc import Mapping, Sequence

from attrs import asdict, field, frozen


@frozen
class Target:
    """What was aimed at. `is_least` says whether `limit` is the least or the most."""

    text: str
    value: float
    limit: float
    is_least: bool = True

    @property
    def is_met(self) -> bool:
        """Whether it was reached."""
        return self.value >= self.limit if self.is_least else self.value <= self.limit

    def __str__(self) -> str:
        sign, word = (">=" if self.is_least else "<="), ("met" if self.is_met else "NOT MET")
        return f"{word}: {self.text}: {self.value:.3g} (target {sign} {self.limit:g})"


@frozen
class Spread:
    """Median, lowest and highest of several runs."""

    median: float
    lowest: float
    highest: float

    def show(self, form: str = ",.0f") -> str:
        """As one cell of a table."""
        return f"{self.median:{form}} ({self.lowest:{form}}..{self.highest:{form}})"


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@frozen
class Report:
    """One scenario's result. `data` is what charts are drawn from; `notes` say what a reader must know."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    targets: Sequence[Target]
    data: Mapping[str, object] = field(factory=dict, repr=False)
    notes: Sequence[str] = ()

    def text(self) -> str:
        """As a table for a terminal."""
        cells = [list(self.columns), *map(list, self.rows)]
        widths = [max(len(row[place]) for row in cells) for place in range(len(self.columns))]
        lines = [f"== {self.name}: {self.title}"]
        lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
        return "\n".join([*lines, *self.notes, *map(str, self.targets)])

    def as_dict(self) -> dict[str, object]:
        """As plain values, for JSON."""
        targets = [asdict(target) | {"is_met": target.is_met} for target in self.targets]
        return asdict(self) | {"targets": targets}
