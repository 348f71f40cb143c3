"""How far a long command has come, in words and in lines."""

from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from engine.errors import RejectedError
from engine.ports import Headway
from engine.progress import LINE_SECONDS, Lines, Pace, progress, watched, words


def test_a_line_now_and_then() -> None:
    """None for what is soon done; then one every ten seconds."""
    said: list[str] = []
    now = [100.0]
    lines = Lines("audit", said.append, clock=lambda: now[0])
    for second in range(25):
        now[0] = 100.0 + second
        lines.draw(f"{second} of 30", second, 30)
    assert said == ["audit: 10 of 30", "audit: 20 of 30"]
    assert LINE_SECONDS == 10


@pytest.mark.parametrize(
    ("unit", "done", "total", "rate", "said"),
    [
        ("batches", 100, 1_000, 10.0, "100 of 1,000 batches, 10/s, 1 min 30 s left"),
        ("records", 50, 0, 5.0, "50 records, 5/s"),
        ("records", 60, 50, 5.0, "60 of 60 records, 5/s"),
        ("records", 0, 50, 0.0, "0 of 50 records, 0/s"),
        ("bytes", 12_340_000, 60_000_000, 2_100_000.0, "12.3 of 60.0 MB, 2.1 MB/s, 23 s left"),
        ("bytes", 12_340_000, 0, 2_100_000.0, "12.3 MB, 2.1 MB/s"),
        ("%", 34.2, 100, 0.02, "34%, 54 min 50 s left"),
        ("%", 34.2, 100, 0.0, "34%"),
    ],
)
def test_the_words(unit: str, done: float, total: float, rate: float, said: str) -> None:
    """How far, how fast, how long still: nothing is left, nor of anything, where a total or a rate is not known."""
    assert words(unit, done, total, rate) == said


def test_a_pace_counts_from_the_first_look() -> None:
    """What was done before it is not its speed."""
    pace = Pace()
    assert pace.rate(1_000, 10.0) == 0.0
    assert pace.rate(1_300, 20.0) == 30.0


def test_nothing_is_drawn_where_there_is_no_terminal() -> None:
    """Under pytest there is none: lines, and none of them for a moment's work."""
    said: list[str] = []
    with progress("audit", "batches", said.append) as show:
        show(1, 2)
    assert said == []


async def test_what_cannot_tell_how_far_it_is_says_how_long_it_takes(autojump_clock: MockClock) -> None:
    """A line now and then while it goes on, none after; what it finds is handed on."""
    said: list[str] = []

    async def work() -> int:
        await trio.sleep(2.5 * LINE_SECONDS)
        return 7

    assert await watched("counting", "types", said.append, work) == 7
    await trio.sleep(2 * LINE_SECONDS)
    assert said == ["counting: 10 s so far", "counting: 20 s so far"]
    assert autojump_clock.current_time() > 0


async def test_what_can_tell_is_asked_every_second(autojump_clock: MockClock) -> None:
    """Each stage has a pace of its own; where one cannot tell, the time counts from the beginning."""
    said: list[str] = []

    def stages() -> Iterator[Headway | None]:
        yield from [None] * 5
        yield from (Headway(second * 2.0, 100, "stage 1 of 2") for second in range(1, 21))
        yield from [Headway(0, 100, "stage 2 of 2")] * 10
        yield from (Headway(second * 10.0, 100, "stage 2 of 2") for second in range(1, 10))

    seen = stages()

    async def look() -> Headway | None:
        return next(seen)

    async def work() -> None:
        await trio.sleep(40.5)

    await watched("t", "%", said.append, work, look)
    assert said == [
        "t: stage 1 of 2: 10%, 45 s left",
        "t: stage 1 of 2: 30%, 35 s left",
        "t: stage 2 of 2: 30 s so far",
        "t: stage 2 of 2: 50%, 14 s left",
    ]
    assert autojump_clock.current_time() > 0


async def test_an_error_of_what_takes_long_is_in_no_group() -> None:
    """Whoever asked for it knows it by its type."""

    async def work() -> None:
        await trio.lowlevel.checkpoint()
        raise RejectedError("no")

    with pytest.raises(RejectedError, match="no"):
        await watched("counting", "types", print, work)
