"""What the confirmer observes, in which order, and as of when."""

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock

from adapters.queues.memory import MemoryQueue, MemoryStore
from engine.acceptance import Rules
from engine.confirmation import Confirmation
from engine.confirmer import ANSWER_SECONDS, CONFIRM_SECONDS, Confirmer
from engine.delivery import Cursor, Start
from engine.intake import prepare
from engine.outage import Outage
from engine.ownership import Ownership
from engine.stats import Stats
from tests.world import WorldDatabase, WorldSource

PAGE_SIZE = 5
QUARANTINE_SECONDS = 100.0


@define(eq=False)
class SlowDatabase(WorldDatabase):
    """Answers a while after it has noted a start."""

    seconds: float = 0.0

    async def record_start(self, source: str, within_seconds: float) -> Start:
        """Note, then wait."""
        start = await super().record_start(source, within_seconds)
        await trio.sleep(self.seconds)
        return start


@define(eq=False)
class Scene:
    """A source whose 40 records are all committed, and what engines share."""

    source: WorldSource = field(factory=lambda: WorldSource(limit=40))
    database: WorldDatabase = field(factory=WorldDatabase)
    store: MemoryStore = field(factory=lambda: MemoryStore(lease_seconds=60))

    async def commit_everything(self) -> None:
        """Fetch all records and settle their batches."""
        for number in range(40):
            self.source.add(f"8.8.8.{number + 1}")
        queue = MemoryQueue(self.store)
        await queue.put(prepare(await self.source.fetch(Cursor()), Rules(), 40))
        await queue.ack(await queue.claim(10, 0))

    async def confirmer(self) -> Confirmer:
        """Make the confirmer of an engine that believes it owns the source."""
        ownership = Ownership("s", MemoryQueue(self.store), Outage("queue"))
        ownership._until = 10_000.0
        account = Confirmation(PAGE_SIZE, QUARANTINE_SECONDS)
        return Confirmer(self.source, ownership.queue, self.database, ownership, account, Stats())


async def test_an_owner_that_another_one_followed_stops_and_notes_itself_anew(autojump_clock: MockClock) -> None:
    """The queue may have fallen back and forgotten it: the later one holds a reserve for what was decided before."""
    scene = Scene()
    await scene.commit_everything()
    scene.source.confirms_answered = False
    first, second = await scene.confirmer(), await scene.confirmer()
    await first.settle()
    assert scene.source.confirms == [5]
    await second._note_start()
    await first.settle()
    assert scene.source.confirms == [5]
    await first.settle()
    assert scene.source.confirms == [5, 5]
    assert [start.pending for start in (*first._starts, *second._starts)] == [0, 2, 1]


async def test_what_the_probe_may_have_missed_is_still_held_back(autojump_clock: MockClock) -> None:
    """A confirm that could arrive when the probe was sent counts, even if its time is over with the answer."""
    scene = Scene()
    await scene.commit_everything()
    confirmer = await scene.confirmer()
    await confirmer._note_start()
    confirmer.account.sending(5, -QUARANTINE_SECONDS + 0.5)
    scene.source.latency_seconds = 1.0
    await confirmer._observe()
    assert confirmer.account.own == 5
    await confirmer._observe()
    assert confirmer.account.own == 0


@pytest.mark.parametrize(("ends_at", "allowed"), [(0.5, 0), (-0.5, 20)])
async def test_the_reserve_for_others_ends_before_the_probe_or_not_at_all(
    ends_at: float, allowed: int, autojump_clock: MockClock
) -> None:
    """Likewise for what another ownership may have under way."""
    scene = Scene()
    await scene.commit_everything()
    confirmer = await scene.confirmer()
    await confirmer._note_start()
    confirmer._pending, confirmer._pending_until = 1, ends_at
    confirmer.account.page_size, scene.source.latency_seconds = 20, 1.0
    assert await confirmer._observe() == allowed


@pytest.mark.parametrize(("seconds_left", "confirms"), [(CONFIRM_SECONDS + 0.5, []), (CONFIRM_SECONDS + 1.5, [5])])
async def test_a_source_that_is_not_surely_ours_until_the_answer_is_not_confirmed(
    seconds_left: float, confirms: list[int], autojump_clock: MockClock
) -> None:
    """The time left is looked at after the probe, which may have taken long, and an engine may have been frozen."""
    scene = Scene()
    await scene.commit_everything()
    confirmer = await scene.confirmer()
    confirmer.ownership._until = trio.current_time() + seconds_left
    scene.source.latency_seconds = 1.0
    await confirmer.settle()
    assert scene.source.confirms == confirms


@pytest.mark.parametrize(("seconds", "is_ended", "took"), [(0.3, True, 0.3), (3600, False, 0.1 + ANSWER_SECONDS)])
async def test_a_start_that_is_being_noted_at_a_stop_is_noted_as_ended(
    seconds: float, *, is_ended: bool, took: float, autojump_clock: MockClock
) -> None:
    """Nobody need hold back records for it; but a database that does not answer holds up no stop."""
    scene = Scene(database=SlowDatabase(seconds=seconds))
    await scene.commit_everything()
    confirmer = await scene.confirmer()
    began = trio.current_time()
    with trio.move_on_after(0.1):
        try:
            await confirmer.settle()
        finally:
            await confirmer.farewell()
    assert scene.database.starts == [("s", False, is_ended)]
    assert scene.source.confirms == []
    assert trio.current_time() - began == pytest.approx(took)
