"""Look-up data that is replaced, or gets old, while the engine works."""

import time
from collections.abc import Mapping, Sequence

import trio
from attrs import define, field
from structlog.testing import capture_logs
from trio.testing import MockClock

from engine.errors import ConfigError
from engine.freshness import DAY_SECONDS, LOOK_SECONDS, age_days, is_old, keep_fresh
from engine.sighting import Facts

NOW = 1_800_000_000.0


@define(eq=False)
class Replaceable:
    """A look-up for which a test has prepared what each reload brings: an age in days, nothing, or a mistake."""

    built_at: float | None = None
    uses: Sequence[str] = ()
    chunk_size: int = 1
    generation: int = 0
    coming: list[float | str | None] = field(factory=list)

    async def lookup(self, ips: Sequence[str]) -> Mapping[str, Facts]:
        """Know nothing."""
        return {}

    async def reload(self) -> bool:
        """Take what is next."""
        await trio.lowlevel.checkpoint()
        found = self.coming.pop(0) if self.coming else None
        if isinstance(found, str):
            raise ConfigError(found)
        if found is not None:
            self.built_at = time.time() - found * DAY_SECONDS
        return found is not None


async def events(lookup: Replaceable, max_age_days: int) -> list[tuple[str, object]]:
    """Level and age of everything that is said until nothing is coming any more."""
    with capture_logs() as logs:
        with trio.move_on_after(LOOK_SECONDS * (len(lookup.coming) + 3.5)):
            await keep_fresh(lookup, max_age_days)
    return [(line["log_level"], line.get("age_days", line.get("reason"))) for line in logs]


async def test_old_data_is_warned_about_once(autojump_clock: MockClock) -> None:
    """At the start, and never again for the same data."""
    lookup = Replaceable(time.time() - 50 * DAY_SECONDS - 100)
    assert await events(lookup, 45) == [("warning", 50)]


async def test_nothing_is_said_of_what_is_new_enough_or_undated(autojump_clock: MockClock) -> None:
    """Neither of files of yesterday, nor of a table without a date, nor where nobody wants to know."""
    yesterday, long_ago = time.time() - DAY_SECONDS - 100, time.time() - 5_000 * DAY_SECONDS
    for built_at, max_age_days in [(yesterday, 45), (None, 45), (long_ago, 0)]:
        assert await events(Replaceable(built_at), max_age_days) == []


async def test_a_replacement_is_said_with_its_age(autojump_clock: MockClock) -> None:
    """Newer data ends the matter; data that is old itself is warned about anew; a mistake changes nothing."""
    lookup = Replaceable(time.time() - 50 * DAY_SECONDS - 100, coming=[None, 1.01, "x: damaged", 60.01])
    assert await events(lookup, 45) == [
        ("warning", 50),
        ("info", 1),
        ("warning", "x: damaged"),
        ("info", 60),
        ("warning", 60),
    ]


def test_ages() -> None:
    """Whole days; data of the future is of today."""
    assert is_old(NOW - 45 * DAY_SECONDS - 1, 45, NOW)
    assert not is_old(NOW - 45 * DAY_SECONDS, 45, NOW)
    assert (age_days(None), age_days(time.time() + 9e6), age_days(time.time() - 2.5 * DAY_SECONDS)) == (None, 0, 2)
