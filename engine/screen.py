"""The picture of a running engine on a terminal, in colour."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from engine import status_lines
from engine.picture import Picture
from engine.printable import printable

BARS = "▁▂▃▄▅▆▇█"
BAR_WIDTH = 20
NEWEST, TOP = 8, 8
GOOD, BAD, QUIET = "green", "bold red", "dim"
STATES = {"writing": "█", "enriching": "▓", "settling": "▒", "idle": "·"}


def screen(picture: Picture, width: int = 100) -> RenderableType:
    """Everything, top to bottom: what is most important first."""
    return Group(
        _head(picture),
        Panel(Text(printable(status_lines.limit(picture))), title="limit", title_align="left", box=box.ROUNDED),
        Text(f"last hour  {sparkline([rate for _, rate in picture.rate.history], width - 11)}", style="cyan"),
        _workers(picture),
        _sources(picture),
        _columns(picture),
        _foot(picture),
    )


def _head(picture: Picture) -> Text:
    rate, style = picture.rate, GOOD if picture.health.ready else BAD
    return Text.assemble(
        (printable(status_lines.about(picture)), QUIET),
        "  ",
        (printable(status_lines.state(picture)), "yellow" if picture.engine.is_stopping else style),
        "\n",
        (f"{rate.now:,.0f}", "bold cyan"),
        f" records/s now, {rate.minute:,.0f} over a minute, {rate.hour:,.0f} over an hour",
    )


def _workers(picture: Picture) -> Table:
    table = _table("worker", "state", "records/s", "received", "last ten seconds")
    for worker in picture.workers:
        style = "yellow" if worker.state.startswith("waiting") else ""
        table.add_row(
            _text(worker.name),
            Text(worker.state, style),
            f"{worker.rate:,.0f}",
            f"{worker.received:,}",
            f"{bar(worker.busy)} {status_lines.shares(worker.busy)}",
        )
    return table


def _sources(picture: Picture) -> Table:
    table = _table("source", "state", "fetched", "confirmed", "")
    for source in picture.sources:
        details = "  ".join(status_lines.source_details(source))
        state = Text(source.state, BAD if source.state == "unreachable" else "")
        table.add_row(_text(source.name), state, f"{source.fetched:,}", f"{source.confirmed:,}", _text(details))
    return table


def _columns(picture: Picture) -> Table:
    grid = Table.grid(padding=(0, 3))
    newest = _table("newest", "address", "", "network", "type")
    for seen in picture.newest[:NEWEST]:
        newest.add_row(
            *map(_text, (seen.seen_at, seen.ip, seen.country or "", (seen.network or "")[:28], seen.botnet_type))
        )
    grid.add_row(newest, _counted("country", picture.top.countries), _counted("type", picture.top.types))
    return grid


def _counted(title: str, counts: Sequence[tuple[str, int]]) -> Table:
    table = _table(title, "count")
    for name, count in counts[:TOP]:
        table.add_row(_text(name), f"{count:,}")
    return table


def _foot(picture: Picture) -> Text:
    lines = (
        f"received      {status_lines.received(picture)}",
        f"queue         {status_lines.queue(picture)}    cache {status_lines.cache(picture)}",
        f"look-up       {status_lines.lookup(picture)}",
        f"dead letters  {status_lines.letters(picture)}",
        f"audit         {status_lines.audit(picture)}",
    )
    return Text("\n".join(map(printable, lines)))


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", expand=False)
    for column in columns:
        is_number = column in {"records/s", "received", "fetched", "confirmed", "count"}
        table.add_column(column, justify="right" if is_number else "left", no_wrap=column != "")
    return table


def _text(text: str) -> Text:
    """A stranger's text: no markup in it acts."""
    return Text(printable(text))


def sparkline(values: Sequence[float], width: int) -> str:
    """The last values as a row of bars, scaled to the largest."""
    shown = list(values)[-max(1, width) :]
    largest = max(shown, default=0.0)
    return "".join(BARS[round(value / largest * (len(BARS) - 1))] if largest else BARS[0] for value in shown)


def bar(busy: Mapping[str, float]) -> str:
    """Shares of time as one bar."""
    cells = "".join(sign * round(busy.get(state, 0.0) * BAR_WIDTH) for state, sign in STATES.items())
    return cells[:BAR_WIDTH].ljust(BAR_WIDTH)
