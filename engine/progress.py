"""Says how far a long command has come: a bar on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import outcome
import trio
from attrs import define, field

from engine.durations import duration
from engine.ports import Headway

LINE_SECONDS = 10.0
LOOK_SECONDS = 1.0
_MEGABYTE = 1_000_000

T = TypeVar("T")
Say = Callable[[str], None]
Show = Callable[[int, int], None]
"""Told how much is done, and of how much as far as that is known."""
Draw = Callable[[str, float, float], None]
"""Told the same, with the words for it first."""
Look = Callable[[], Awaitable[Headway | None]]


@contextmanager
def progress(what: str, unit: str, say: Say) -> Iterator[Show]:
    """Give out what shows progress on standard error, while it is open; where that is no terminal, `say` gets lines."""
    pace = Pace()
    with _drawn(what, say) as draw:
        yield lambda done, total: draw(words(unit, done, total, pace.rate(done)), done, total)


async def watched(what: str, unit: str, say: Say, work: Callable[[], Awaitable[T]], look: Look | None = None) -> T:
    """Do it, and show progress as `progress` does: what `look` sees every LOOK_SECONDS, or else how long it has taken.

    An error of `look` would end the work: it must not raise.
    """
    began = trio.current_time()

    async def tell() -> None:
        pace, stage = Pace(), ""
        while True:
            await trio.sleep(LOOK_SECONDS)
            headway = (await look() if look is not None else None) or Headway(0)
            if headway.stage != stage:
                pace, stage = Pace(), headway.stage
            rate, now = pace.rate(headway.done, trio.current_time()), trio.current_time()
            far = words(unit, headway.done, headway.total, rate) if headway.done else f"{duration(now - began)} so far"
            draw(f"{stage}: {far}" if stage else far, headway.done, headway.total)

    with _drawn(what, say, trio.current_time) as draw:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tell)
            result = await outcome.acapture(work)  # an error of the work leaves as it is, in no group
            nursery.cancel_scope.cancel()
    return result.unwrap()


@contextmanager
def _drawn(what: str, say: Say, clock: Callable[[], float] = time.monotonic) -> Iterator[Draw]:
    """A bar with words behind it, or lines. What others write to standard error meanwhile appears above the bar."""
    if not sys.stderr.isatty():
        yield Lines(what, say, clock).draw
        return
    from rich.console import Console  # noqa: PLC0415 - only terminals need it
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

    columns = [TextColumn(part, markup=False) for part in ("{task.description}", "{task.fields[words]}")]
    with Progress(columns[0], BarColumn(), columns[1], console=Console(stderr=True), transient=True) as bar:
        row = bar.add_task(what, total=None, words="")

        def draw(text: str, done: float, total: float) -> None:
            bar.tasks[0].total = max(done, total) if total else None  # `update` takes None for "as before"
            bar.update(row, completed=done, words=text)

        yield draw


@define(eq=False)
class Pace:
    """How fast something goes, since it was first asked."""

    _began: tuple[float, float] | None = None

    def rate(self, done: float, now: float | None = None) -> float:
        """How much a second."""
        now = time.monotonic() if now is None else now
        if self._began is None:
            self._began = now, done
        began, before = self._began
        return (done - before) / (now - began) if now > began else 0.0


@define(eq=False)
class Lines:
    """Progress as lines, one every LINE_SECONDS: none for what is done sooner."""

    what: str
    say: Say
    clock: Callable[[], float] = time.monotonic
    _said_at: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._said_at = self.clock()

    def draw(self, text: str, _done: float, _total: float) -> None:
        """Say it, if it is time."""
        now = self.clock()
        if now - self._said_at >= LINE_SECONDS:
            self._said_at = now
            self.say(f"{self.what}: {text}")


def words(unit: str, done: float, total: float, rate: float) -> str:
    """How far, how fast, how long still: numbers, megabytes for `bytes`, a share for `%`; a total of 0 is not known."""
    left = f", {duration((total - done) / rate)} left" if rate > 0 and total > done else ""
    if unit == "%":
        return f"{done / total:.0%}{left}"
    scale, digits, name = (_MEGABYTE, 1, "MB") if unit == "bytes" else (1, 0, unit)
    whole = f" of {max(done, total) / scale:,.{digits}f}" if total else ""
    each = f" {name}" if unit == "bytes" else ""
    return f"{done / scale:,.{digits}f}{whole} {name}, {rate / scale:,.{digits}f}{each}/s{left}"
