"""Runs of the model: a cell of faults, a protocol, a seed."""

from collections import Counter

from attrs import field, frozen

from tests.faults.model.engine import Engine
from tests.faults.model.faults import Faults
from tests.faults.model.protocols import OURS, Protocol
from tests.faults.model.timeline import Actor, Process
from tests.faults.model.world import Cause, World, new_world

STORM_SECONDS = 200.0
CALM_STEP_SECONDS = 15.0
CALM_SECONDS = 600.0


@frozen
class Outcome:
    """How a run ended.

    `hidden` are the records that were hidden before they were committed: lost, if the queue had lost them then. `gone`
    are those that were lost indeed. Both tell why.
    """

    hidden: dict[int, Cause]
    gone: dict[int, Cause]
    generated: int
    confirmed: int
    waiting: int
    trace: list[str] = field(repr=False)

    @property
    def causes(self) -> Counter[Cause]:
        """How many records were hidden too early, or lost, for which reason."""
        return Counter((self.gone | self.hidden).values())


@frozen
class _Crew:
    """The engine processes of one run: who crashed or stopped comes back."""

    world: World
    protocol: Protocol
    page_sizes: list[int]
    crash_chance: float
    engines: list[Engine] = field(factory=list)

    def launch(self, index: int, life: int) -> None:
        """Start the next life of an engine."""
        world = self.world

        def relaunch() -> None:
            world.note(engine.name, "is gone")
            world.timeline.start(self._later(index, life + 1), world.scope)

        process = Process(self.crash_chance if world.is_stormy else 0.0, relaunch)
        engine = Engine(
            world=world,
            name=f"engine-{index}.{life}",
            process=process,
            page_size=world.random.choice([1, 12]) if world.faults.page_sizes_differ else self.page_sizes[index],
            open_fetching=self.protocol.fetching,
            open_confirming=self.protocol.confirming,
        )
        self.engines[index : index + 1] = [engine]
        engine.start()

    def _later(self, index: int, life: int) -> Actor:
        yield self.world.random.expovariate(1 / 5.0)
        self.launch(index, life)

    def freeze(self) -> None:
        """SIGSTOP, and SIGCONT a while later."""
        engine = self.world.random.choice(self.engines)
        engine.process.frozen_until = self.world.timeline.now + self.world.random.expovariate(
            1 / self.world.faults.freeze_seconds
        )
        self.world.note(engine.name, "frozen until", f"{engine.process.frozen_until:.2f}")

    def stop(self) -> None:
        """SIGTERM."""
        engine = self.world.random.choice(self.engines)
        engine.stop(engine.process.on_crash)


def run(
    faults: Faults, seed: int, protocol: Protocol = OURS, *, tracing: bool = False, patience: float = 0.0
) -> Outcome:
    """One run: a storm, then calm until every record that can still come has come, and `patience` seconds more."""
    trace: list[str] = []
    world = new_world(faults, seed, trace if tracing else None)
    mood = world.random.choice([0.02, 0.1, 0.6])
    sizes = [world.random.choice(faults.page_sizes)] * faults.engines
    crew = _Crew(world, protocol, sizes, faults.crash_chance * mood)
    for index in range(faults.engines):
        crew.launch(index, 0)
    world.disturb(faults.freeze_every, crew.freeze)
    world.disturb(faults.stop_every, crew.stop)
    world.timeline.run(STORM_SECONDS)
    _calm_down(world, crew)
    world.timeline.run(world.timeline.now + patience)
    judge = world.judge
    return Outcome(judge.hidden, judge.gone(), judge.generated, judge.confirmed, world.collector.waiting, trace)


def _calm_down(world: World, crew: _Crew) -> None:
    world.is_stormy = False
    world.note("calm")
    for engine in crew.engines:
        engine.process.crash_chance = engine.process.frozen_until = 0.0
    end = world.timeline.now + CALM_SECONDS
    while world.timeline.now < end and (world.flights or not _all_in(world)):
        world.timeline.run(world.timeline.now + CALM_STEP_SECONDS)


def _all_in(world: World) -> bool:
    judge = world.judge
    there = world.database.rows | judge.hidden.keys() | judge.forgotten
    return len(there) >= judge.generated
