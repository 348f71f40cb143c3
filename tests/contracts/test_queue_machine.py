"""A hypothesis machine on every queue: put, claim, settle, expire and crash in any order."""

from collections.abc import Callable, Sequence

import pytest
from attrs import define
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from engine.delivery import Cursor, Delivery
from engine.ports import Queue
from tests.contracts.queue_worlds import MemoryWorld, QueueWorld, RedisWorld, SqliteWorld, mark, page
from tests.contracts.trio_stage import Stage
from tests.servers.redis import RedisServer

ENGINES = st.sampled_from(["north", "south"])
LEASE_SECONDS = 60.0


@define
class Known:
    """What must be true of one stored record. `holder` has it on lease until `until`; `free_from` counts else."""

    attempt: int = 0
    claimed: bool = False
    holder: str | None = None
    free_from: float = 0.0
    fate: str | None = None


class QueueMachine(RuleBasedStateMachine):
    """Two engines on one queue, and a model of what is where."""

    make_world: Callable[[], QueueWorld]

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage().__enter__()
        self.world = type(self).make_world()
        self.engines: dict[str, tuple[Queue, Callable[[], None]]] = {}
        self.hands: dict[str, dict[int, Delivery]] = {"north": {}, "south": {}}
        self.records: dict[int, Known] = {}
        self.cursor = Cursor()
        self.now = 0.0

    def teardown(self) -> None:
        self.finally_everything_is_settled()
        self.stage.__exit__()

    @initialize()
    def open_both(self) -> None:
        for name in self.hands:
            self.open(name)

    def open(self, name: str) -> None:
        queue, leave = self.stage.enter(self.world.open(lease_seconds=LEASE_SECONDS))
        self.engines[name] = (queue, lambda: self.stage.call(leave.set))

    def queue(self, name: str) -> Queue:
        return self.engines[name][0]

    def is_free(self, number: int, engine: str) -> bool:
        known = self.records[number]
        in_hand = number in self.hands[engine] and known.holder == engine
        return known.fate is None and known.free_from <= self.now and not in_hand

    def is_held(self, number: int, engine: str) -> bool:
        """Whether the engine still holds what it has in hand."""
        return self.records[number].fate is None and self.records[number].holder == engine

    def pick(self, engine: str, data: st.DataObject) -> list[Delivery]:
        hand = self.hands[engine]
        numbers = data.draw(st.lists(st.sampled_from(sorted(hand)), unique=True, max_size=4)) if hand else []
        return [hand.pop(number) for number in numbers]

    @rule(engine=ENGINES, count=st.integers(1, 4), gap=st.integers(1, 3), repeats=st.integers(1, 2))
    def put(self, engine: str, count: int, gap: int, repeats: int) -> None:
        first = self.cursor.sequence + gap
        intake = page(self.cursor, range(first, first + count))
        for _ in range(repeats):
            assert self.stage.run(self.queue(engine).put, intake)
        self.cursor = intake.end
        self.records.update((number, Known()) for number in range(first, first + count))

    @rule(engine=ENGINES, behind=st.integers(1, 3))
    def put_what_does_not_fit(self, engine: str, behind: int) -> None:
        start = self.cursor._replace(sequence=self.cursor.sequence + behind)
        assert not self.stage.run(self.queue(engine).put, page(start, [start.sequence + 1]))

    @rule(engine=ENGINES, limit=st.integers(1, 5))
    def claim(self, engine: str, limit: int) -> None:
        free = [number for number in self.records if self.is_free(number, engine)]
        back = [number for number in free if self.records[number].claimed]
        deliveries = self.stage.run(self.queue(engine).claim, limit, 0)
        numbers = [delivery.batch.first for delivery in deliveries]
        assert len(numbers) == min(limit, len(free))
        assert set(numbers) <= set(free)
        assert numbers == [*back, *(number for number in free if number not in back)][:limit]
        for number, delivery in zip(numbers, deliveries, strict=True):
            known = self.records[number]
            known.attempt, known.claimed, known.holder = known.attempt + 1, True, engine
            known.free_from = self.now + LEASE_SECONDS
            assert delivery.attempt == known.attempt
            self.hands[engine][number] = delivery

    @rule(engine=ENGINES)
    def renew(self, engine: str) -> None:
        hand = self.hands[engine]
        kept = self.stage.run(self.queue(engine).renew, list(hand.values()))
        held = [number for number in hand if self.is_held(number, engine)]
        assert [delivery.batch.first for delivery in kept] == held
        for number in held:
            self.records[number].free_from = self.now + LEASE_SECONDS
        self.hands[engine] = {delivery.batch.first: delivery for delivery in kept}

    @rule(engine=ENGINES, data=st.data())
    def ack(self, engine: str, data: st.DataObject) -> None:
        deliveries = self.pick(engine, data)
        self.stage.run(self.queue(engine).ack, deliveries)
        for delivery in deliveries:
            known = self.records[delivery.batch.first]
            known.fate = known.fate or "acked"

    @rule(engine=ENGINES, data=st.data(), delay=st.sampled_from([0.0, 30.0]))
    def nack(self, engine: str, data: st.DataObject, delay: float) -> None:
        for delivery in self.pick(engine, data):
            self.stage.run(self.queue(engine).nack, delivery, delay)
            if self.is_held(delivery.batch.first, engine):
                known = self.records[delivery.batch.first]
                known.holder, known.free_from = None, self.now + delay

    @rule(engine=ENGINES, data=st.data())
    def release(self, engine: str, data: st.DataObject) -> None:
        deliveries = self.pick(engine, data)
        self.stage.run(self.queue(engine).release, deliveries)
        for delivery in deliveries:
            if self.is_held(delivery.batch.first, engine):
                known = self.records[delivery.batch.first]
                known.holder, known.free_from, known.attempt = None, self.now, known.attempt - 1

    @rule(engine=ENGINES, data=st.data())
    def dead_letter(self, engine: str, data: st.DataObject) -> None:
        for delivery in self.pick(engine, data):
            self.stage.run(self.queue(engine).dead_letter, delivery, "the machine says so")
            if self.is_held(delivery.batch.first, engine):
                self.records[delivery.batch.first].fate = "dead"

    @rule(seconds=st.sampled_from([20.0, 35.0, LEASE_SECONDS + 2]))
    def time_passes(self, seconds: float) -> None:
        self.stage.call(self.world.pass_time, seconds)
        self.now += seconds

    @rule(engine=ENGINES)
    def crash(self, engine: str) -> None:
        self.engines[engine][1]()
        self.hands[engine].clear()
        for known in self.records.values():
            if known.holder == engine:
                known.holder = "a dead one"
        self.open(engine)

    @invariant()
    def the_cursor_is_the_last_page_put(self) -> None:
        if self.engines:
            assert self.stage.run(self.queue("north").cursor, "s") == self.cursor

    @invariant()
    def what_is_not_settled_is_there(self) -> None:
        if self.engines:
            waiting = [number for number, known in self.records.items() if known.fate is None]
            assert self.stage.run(self.queue("south").depth) == len(waiting)

    @invariant()
    def the_debt_is_what_is_acked_without_a_gap(self) -> None:
        if self.records:
            numbers = sorted(self.records)
            owed = next((at for at, one in enumerate(numbers) if self.records[one].fate != "acked"), len(numbers))
            debt = self.stage.run(self.queue("north").debt, "s", mark(numbers[0]), 1000)
            assert debt == (owed, 0)

    def finally_everything_is_settled(self) -> None:
        """Nothing is lost: after one more lease a new engine gets exactly what is not settled."""
        if self.engines:
            self.stage.call(self.world.pass_time, LEASE_SECONDS + 2)
            self.open("last")
            left: Sequence[Delivery] = self.stage.run(self.queue("last").claim, 1000, 0)
            unsettled = {number for number, known in self.records.items() if known.fate is None}
            assert {delivery.batch.first for delivery in left} == unsettled
            assert len(left) == len(unsettled)


def _run(make: Callable[[], QueueWorld], examples: int) -> None:
    class Machine(QueueMachine):
        make_world = staticmethod(make)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


def test_in_memory() -> None:
    """Nothing lost, nothing settled twice, the cursor never goes back: in memory."""
    _run(MemoryWorld, 60)


def test_in_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing lost, nothing settled twice, the cursor never goes back: in a SQLite file."""

    def make() -> QueueWorld:
        return SqliteWorld(tmp_path_factory.mktemp("machine"))

    _run(make, 25)


def test_in_redis(redis_server: RedisServer) -> None:
    """Nothing lost, nothing settled twice, the cursor never goes back: in Redis."""
    with redis_server.connect() as client:
        _run(lambda: RedisWorld(redis_server.url, client), 25)
