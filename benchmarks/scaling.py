"""The table of SCALING.md: what one core of each part carries, computed from the CPU that `scale` measured. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.table import table

BEGIN, END = "<!-- scale -->\n", "<!-- /scale -->\n"
PARTS = {"engine": "engines, all together", "busiest node": "the Redis node that has the queue", "mariadbd": "MariaDB"}
COLUMNS = (
    "queue in", "engines", "part", "measured: CPU s per 100,000", "measured: records/s in all",
    "computed: records/s that one core of it carries", "computed: cores of it that are busy at the measured rate",
)  # fmt: skip


def filled(page: str, scale: Mapping[str, Any]) -> str:
    """The page with the table of these results between its markers. Raises ValueError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN.strip()} … {END.strip()}")
    return "".join([before, begin, *(f"{line}\n" for line in lines(scale)), end, after])


def lines(scale: Mapping[str, Any]) -> Iterator[str]:
    """The circumstances, and a row for every part of every run."""
    machine = scale["machine"]
    yield (
        f"{scale['title']}; {scale['options']['runs']} rounds, {scale['date']}, "
        f"{machine['cores']} cores ({machine['cpu']}) for all parts together.\n"
    )
    yield from table(COLUMNS, [row for line in scale["data"]["lines"] for row in rows(line)])


def rows(line: Mapping[str, Any]) -> list[Sequence[str]]:
    """One row a part."""
    made: list[Sequence[str]] = []
    for part, text in PARTS.items():
        spent = line["cpu"][part]
        carries = f"{100_000 / spent:,.0f}" if spent > 0 else "too little CPU to say"
        busy = f"{line['rate'] * spent / 100_000:.2f}"
        made.append([line["queue"], str(line["engines"]), text, f"{spent:.2f}", f"{line['rate']:,.0f}", carries, busy])
    return made
