"""How far a long command has come, in lines."""

import pytest
import trio
from trio.testing import MockClock

from engine.errors import RejectedError
from engine.progress import LINE_SECONDS, Lines, Pace, elapsing, line, progress


def test_a_line_now_and_then() -> None:
    """None for what is soon done; then one every ten seconds, with the rate since the beginning and the time left."""
    said: list[str] = []
    now = [100.0]
    lines = Lines("audit", "batches", said.append, clock=lambda: now[0])
    for second in range(25):
        now[0] = 100.0 + second
        lines.show(second * 10, 1_000)
    assert said == [
        "audit: 100 of 1,000 batches, 10/s, 1 min 30 s left",
        "audit: 200 of 1,000 batches, 10/s, 1 min 20 s left",
    ]
    assert LINE_SECONDS == 10


def test_a_total_that_is_not_known_yet_is_what_is_done() -> None:
    """Nothing is left then, nor is there a time where nothing moves."""
    assert line("run", "records", 50, 0, 5.0) == "run: 50 of 50 records, 5/s"
    assert line("run", "records", 0, 50, 0.0) == "run: 0 of 50 records, 0/s"


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

    assert await elapsing("counting", said.append, work) == 7
    await trio.sleep(2 * LINE_SECONDS)
    assert said == ["counting: 10 s so far", "counting: 20 s so far"]
    assert autojump_clock.current_time() > 0


async def test_an_error_of_what_takes_long_is_in_no_group() -> None:
    """Whoever asked for it knows it by its type."""

    async def work() -> None:
        await trio.lowlevel.checkpoint()
        raise RejectedError("no")

    with pytest.raises(RejectedError, match="no"):
        await elapsing("counting", print, work)
