"""One seed, one schedule: trio's order of tasks, its clock and Python's random numbers.

The switch and the random numbers are trio's own, made for its tests and private: a guard test holds trio to them.
"""

import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import trio
from trio._core import _run
from trio.testing import MockClock

T = TypeVar("T")

SWITCH = "_ALLOW_DETERMINISTIC_SCHEDULING"


def run_seeded(seed: int, main: Callable[[], Awaitable[T]]) -> T:
    """Run `main` under trio so that the same seed gives the same run; time jumps whenever everybody waits."""
    with _seeded(seed):
        return trio.run(main, clock=MockClock(autojump_threshold=0))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    was_on: bool = getattr(_run, SWITCH)
    states = _run._r.getstate(), random.getstate()
    setattr(_run, SWITCH, True)
    _run._r.seed(seed)
    random.seed(seed)
    try:
        yield
    finally:
        setattr(_run, SWITCH, was_on)
        _run._r.setstate(states[0])
        random.setstate(states[1])
