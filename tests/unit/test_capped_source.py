"""Too many dead letters stop the pulling, and nothing else."""

import pytest
import trio
from attrs import define, field
from structlog.testing import capture_logs
from trio.testing import MockClock

from engine.capped_source import LOOK_SECONDS, PATIENCE_SECONDS, CappedSource
from engine.delivery import Cursor
from engine.errors import UnavailableError
from tests.world import WorldSource


@define
class Letters:
    """Dead letters that can be counted; or a database that is away, or never answers."""

    stored: int = 0
    asked: list[int] = field(factory=list)
    is_away: bool = False
    is_hung: bool = False

    async def count(self, limit: int) -> int:
        """Count up to the limit."""
        await trio.lowlevel.checkpoint()
        self.asked.append(limit)
        if self.is_hung:
            await trio.sleep_forever()
        if self.is_away:
            raise UnavailableError("away")
        return min(self.stored, limit)


def capped(letters: Letters) -> CappedSource:
    """A source with one record, capped at five dead letters."""
    source = WorldSource()
    source.add("8.8.8.8")
    return CappedSource(source, letters.count, limit=5)


async def test_it_pulls_up_to_the_limit_and_again_below_it(autojump_clock: MockClock) -> None:
    """At the limit pulling is unavailable with a reason that says what to do, until somebody settles some."""
    letters = Letters(stored=4)
    source = capped(letters)
    assert len((await source.fetch(Cursor())).records) == 1
    letters.stored = 5
    await trio.sleep(LOOK_SECONDS)
    for _ in range(2):
        with pytest.raises(UnavailableError, match="5 dead letters.*dead_letter_limit.*settle"):
            await source.fetch(Cursor())
    letters.stored = 4
    assert len((await source.fetch(Cursor())).records) == 1


async def test_front_and_confirm_go_on(autojump_clock: MockClock) -> None:
    """What is stored may still be forgotten by its source."""
    source = capped(Letters(stored=5))
    with pytest.raises(UnavailableError):
        await source.fetch(Cursor())
    assert source.name == "s"
    assert await source.front() is not None
    assert await source.confirm(1)


async def test_counting_is_rare(autojump_clock: MockClock) -> None:
    """Below the limit it is asked once in a while, not once a page."""
    letters = Letters()
    source = capped(letters)
    for _ in range(10):
        await source.fetch(Cursor())
    assert letters.asked == [5]


@pytest.mark.parametrize("trouble", ["is_away", "is_hung"])
async def test_a_database_that_does_not_answer_stops_nothing(autojump_clock: MockClock, trouble: str) -> None:
    """The queue is filled meanwhile, and what was known before still holds."""
    letters = Letters(stored=5)
    setattr(letters, trouble, True)
    source = capped(letters)
    with capture_logs() as logs:
        for _ in range(3):
            assert len((await source.fetch(Cursor())).records) == 1
            await trio.sleep(LOOK_SECONDS)
    assert trio.current_time() <= 3 * (PATIENCE_SECONDS + LOOK_SECONDS) + 1
    assert len(logs) == (trouble == "is_hung")  # an outage is said by whoever waits for it
