"""One run: a seed in, what was wrong out."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from random import Random

import structlog
import trio
from attrs import frozen
from structlog.typing import EventDict, WrappedLogger

from tests.faults.simulation.engines import Engine, settings_of
from tests.faults.simulation.judge import unconfirmed, unfinished, wrong
from tests.faults.simulation.plan import QUARANTINE_SECONDS, Plan, plan
from tests.faults.simulation.schedule import run_seeded
from tests.faults.simulation.troubles import Troubles
from tests.faults.simulation.weather import BrokenError, Weather
from tests.faults.simulation.world import World

SETTLING_SECONDS = 180.0
"""How long after the last fault everything must be in the database."""
CONFIRMING_SECONDS = QUARANTINE_SECONDS + 60.0
"""How much longer until everything is confirmed."""
POLL_SECONDS = 2.0


@frozen
class Outcome:
    """How a run ended. Without problems, everything came home exactly once."""

    seed: int
    plan: Plan
    problems: Sequence[str]
    counts: Counter[str]
    seconds: float
    trace: Sequence[str]

    def __str__(self) -> str:
        how = "; ".join(self.problems) or "nothing wrong"
        return f"seed {self.seed}: {how} (python -m tests.faults.simulation --seed {self.seed} -v)"


def simulate(seed: int, *, is_traced: bool = False) -> Outcome:
    """Run one seed."""
    rng = Random(seed)
    trace: list[str] | None = [] if is_traced else None
    weather = Weather(rng, plan(rng), trace)
    with _logs_to(weather):
        try:
            seconds = run_seeded(seed, lambda: _run(weather))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            seconds = -1.0
            weather.problems.extend(_told(error, weather.problems))
    return Outcome(seed, weather.plan, weather.problems, weather.counts, seconds, trace or [])


async def _run(weather: Weather) -> float:
    world = World.of(weather)
    settings = settings_of(weather.plan)
    engines = [Engine(number, role, world, settings) for number, role in enumerate(weather.plan.roles, 1)]
    living = trio.lowlevel.current_statistics().tasks_living
    world.spool(weather.plan.records // 3)
    async with trio.open_nursery() as tasks, trio.open_nursery() as nursery:
        weather.open(tasks)
        for engine in engines:
            nursery.start_soon(engine.run)
        with trio.move_on_after(weather.plan.calm_at):
            await Troubles(world, engines).run()
        _calm_down(world, engines)
        await _reach(weather, lambda: unfinished(world), SETTLING_SECONDS)
        if weather.plan.waits_for_confirms:
            await _reach(weather, lambda: unconfirmed(world), CONFIRMING_SECONDS)
        for engine in engines:
            engine.retire()
    for problem in wrong(world):
        weather.broken(problem)
    if trio.lowlevel.current_statistics().tasks_living != living:
        weather.broken("a task is left over")
    return trio.current_time()


def _calm_down(world: World, engines: Sequence[Engine]) -> None:
    """End all faults, and leave one engine to do the rest, or two."""
    world.weather.note("!", "calm")
    world.weather.calm = True
    for server in world.servers:
        server.away_until = 0.0
    for engine in engines[world.weather.rng.choice((1, 1, 2)) :]:
        engine.retire()


async def _reach(weather: Weather, open_points: Callable[[], Iterator[str]], seconds: float) -> None:
    """Wait until no open point is left; a bounded time."""
    until = trio.current_time() + seconds
    while problem := next(open_points(), None):
        if trio.current_time() > until:
            weather.broken(f"{seconds:.0f} s later: {problem}")
        await trio.sleep(POLL_SECONDS)


@contextmanager
def _logs_to(weather: Weather) -> Iterator[None]:
    """The engines' log lines go to the trace, or nowhere."""
    before = structlog.get_config()

    def note(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        weather.note("", " ".join(f"{key}={value}" if key != "event" else str(value) for key, value in event.items()))
        raise structlog.DropEvent

    level = 50 if weather.trace is None else 10
    structlog.configure(processors=[note], wrapper_class=structlog.make_filtering_bound_logger(level))
    try:
        yield
    finally:
        structlog.configure(**before)


def _told(error: Exception, known: Sequence[str]) -> Iterable[str]:
    """What an error says that is not known yet, groups taken apart."""
    if isinstance(error, ExceptionGroup):
        return [line for inner in error.exceptions for line in _told(inner, known)]
    return [] if isinstance(error, BrokenError) and str(error) in known else [f"{type(error).__name__}: {error}"]
