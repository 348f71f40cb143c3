"""Waiting for somebody who is away, and saying it once."""

import itertools

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
