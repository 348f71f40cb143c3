"""Who tries records one by one writes alone."""

import trio
from trio.testing import wait_all_tasks_blocked

from engine.trials import Trials
from tests.world import WorldDatabase


async def test_alone_waits_for_all_others_and_keeps_them_out() -> None:
    """It begins when the last of the others has ended, and those that come later wait for its end."""
    trials = Trials(WorldDatabase(), workers=3)
    first_ends, lonely_ends = trio.Event(), trio.Event()
    events: list[str] = []

    async def work(name: str, end: trio.Event) -> None:
        async with trials.in_company():
            events.append(f"{name} writes")
            await end.wait()

    async def try_alone(name: str, end: trio.Event) -> None:
        async with trials.alone():
            events.append(f"{name} tries")
            await end.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, "first", first_ends)
        await wait_all_tasks_blocked()
        nursery.start_soon(try_alone, "lonely", lonely_ends)
        await wait_all_tasks_blocked()
        nursery.start_soon(work, "later", lonely_ends)
        await wait_all_tasks_blocked()
        assert events == ["first writes"]
        first_ends.set()
        await wait_all_tasks_blocked()
        assert events == ["first writes", "lonely tries"]
        lonely_ends.set()
    assert events == ["first writes", "lonely tries", "later writes"]


async def test_two_that_want_to_be_alone_take_turns() -> None:
    """Neither holds what the other needs; and one that gives up leaves the place free."""
    trials = Trials(WorldDatabase(), workers=2)
    turns: list[str] = []

    async def try_alone(name: str) -> None:
        async with trials.alone():
            turns.append(name)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery, trials.in_company():
            with trio.CancelScope() as impatient:
                nursery.start_soon(try_alone, "one")
                nursery.start_soon(try_alone, "two")
                await wait_all_tasks_blocked()
                impatient.cancel()
                async with trials.alone():
                    turns.append("never")
        assert sorted(turns) == ["one", "two"]
        async with trials.alone():
            turns.append("free")
