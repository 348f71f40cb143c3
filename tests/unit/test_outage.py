"""Waiting for somebody who is away, and saying it once."""

import itertools
from contextlib import suppress

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import MockClock

from engine.backoff import delays
from engine.errors import RejectedError, UnavailableError
from engine.outage import Outage


async def test_an_outage_is_said_once_when_it_goes_and_once_when_it_returns(autojump_clock: MockClock) -> None:
    """An hour of failures by eight tasks is two lines, the second with the duration."""
    back_at = trio.current_time() + 3600

    async def call(number: int) -> int:
        if trio.current_time() < back_at:
            raise UnavailableError("connection refused")
        return number

    with capture_logs() as logs:
        outage = Outage("database")
        answers: list[int] = []

        async def keep_calling(number: int) -> None:
            answers.append(await outage.wait_for(call, number))

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(keep_calling, number)
    assert sorted(answers) == list(range(8))
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("unavailable, waiting", "warning"),
        ("available again", "info"),
    ]
    assert logs[0]["reason"] == "connection refused"
    assert 3600 <= logs[1]["outage_seconds"] <= 3630


async def test_a_server_that_takes_other_calls_is_not_said_to_be_back(autojump_clock: MockClock) -> None:
    """One call that never comes through is one line, however many others do; the end is said when it is over."""
    until = trio.current_time() + 600

    async def refused() -> None:
        if trio.current_time() < until:
            raise UnavailableError("no such right")

    with capture_logs() as logs:
        outage = Outage("database")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outage.wait_for, refused)
            while trio.current_time() < until:
                await outage.wait_for(trio.sleep, 1)
    assert [line["event"] for line in logs] == ["unavailable, waiting", "available again"]
    assert logs[1]["outage_seconds"] >= 600


async def test_whoever_waits_tries_as_soon_as_one_came_through(autojump_clock: MockClock) -> None:
    """The longest pause is half a minute; a server that is back is back for all at once."""
    back_at = trio.current_time() + 3600
    ends: list[float] = []

    async def call() -> None:
        if trio.current_time() < back_at:
            raise UnavailableError("connection refused")

    outage = Outage("database")

    async def keep_calling() -> None:
        await outage.wait_for(call)
        ends.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(keep_calling)
    assert len(set(ends)) == 1


@pytest.mark.parametrize(("ending", "said"), [(RejectedError("never"), 2), (None, 1)])
async def test_an_outage_that_ends_otherwise(
    autojump_clock: MockClock, ending: RejectedError | None, said: int
) -> None:
    """A refusal is an answer; a call that is given up ends it without a word, and the next outage is said again."""
    outage = Outage("database")
    refusals = iter([UnavailableError("gone"), *([ending] if ending else [])])

    async def call() -> None:
        raise next(refusals, UnavailableError("gone"))

    with capture_logs() as logs, trio.move_on_after(60), suppress(RejectedError):
        await outage.wait_for(call)
    assert len(logs) == said
    with capture_logs() as logs, trio.move_on_after(1):
        await outage.wait_for(call)
    assert [line["event"] for line in logs] == ["unavailable, waiting"]


async def test_only_unavailability_is_waited_for() -> None:
    """A refusal is the caller's to handle, at once."""

    async def call() -> None:
        raise RejectedError("never")

    with pytest.raises(RejectedError):
        await Outage("x").wait_for(call)


@given(st.floats(0, 1, exclude_max=True))
def test_delays_double_up_to_the_limit(random: float) -> None:
    """Each delay is between half its ceiling and the ceiling; the ceiling doubles from 0.1 s to 30 s."""
    taken = list(itertools.islice(delays(lambda: random), 40))
    ceilings = [min(0.1 * 2**n, 30.0) for n in range(40)]
    assert all(ceiling / 2 <= delay <= ceiling for delay, ceiling in zip(taken, ceilings, strict=True))
