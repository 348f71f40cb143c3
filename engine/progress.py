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

LINE_SECONDS = 10.0

T = TypeVar("T")
Say = Callable[[str], None]
Show = Callable[[int, int], None]
"""Told how much is done, and of how much as far as that is known."""


@contextmanager
def progress(what: str, unit: str, say: Say) -> Iterator[Show]:
    """Give out what shows progress on standard error, while it is open; where that is no terminal, `say` gets lines.

    What others write to standard error meanwhile appears above the bar.
    """
    if not sys.stderr.isatty():
        yield Lines(what, unit, say).show
        return
    from rich.console import Console  # noqa: PLC0415 - only terminals need it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    speed = TextColumn("{task.fields[speed]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit), speed)
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        pace, row = Pace(), bar.add_task(what, total=None, speed="")

        def show(done: int, total: int) -> None:
            bar.update(row, completed=done, total=max(done, total), speed=f"{pace.rate(done):,.0f}/s")

        yield show


async def elapsing(what: str, say: Say, work: Callable[[], Awaitable[T]]) -> T:
    """Do what cannot tell how far it is; `say` gets a line every LINE_SECONDS on how long it has taken."""
    began = trio.current_time()

    async def tell() -> None:
        while True:
            await trio.sleep(LINE_SECONDS)
            say(f"{what}: {duration(trio.current_time() - began)} so far")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tell)
        result = await outcome.acapture(work)  # an error of the work leaves as it is, in no group
        nursery.cancel_scope.cancel()
    return result.unwrap()


@define(eq=False)
class Pace:
    """How fast something goes, since it was first asked."""

    _began: tuple[float, int] | None = None

    def rate(self, done: int, now: float | None = None) -> float:
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
    unit: str
    say: Say
    clock: Callable[[], float] = time.monotonic
    _pace: Pace = field(factory=Pace)
    _said_at: float | None = None

    def show(self, done: int, total: int) -> None:
        """Say it, if it is time."""
        now = self.clock()
        rate = self._pace.rate(done, now)
        self._said_at = now if self._said_at is None else self._said_at
        if now - self._said_at >= LINE_SECONDS:
            self._said_at = now
            self.say(line(self.what, self.unit, done, total, rate))


def line(what: str, unit: str, done: int, total: int, rate: float) -> str:
    """One line: how far, how fast, how long still."""
    left = f", {duration((total - done) / rate)} left" if rate > 0 and total > done else ""
    return f"{what}: {done:,} of {max(done, total):,} {unit}, {rate:,.0f}/s{left}"
