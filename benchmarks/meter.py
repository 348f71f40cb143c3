"""Measures stages of a running program: CPU and elapsed time, a stage inside another counted for itself alone.

Calls are measured as they are. Of a coroutine every step is measured, not what lies between them: what it waits for
costs nothing, what others do meanwhile is theirs.
"""

import inspect
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Generator
from functools import wraps
from typing import Any

from attrs import define, field

Call = Callable[..., Any]


@define(eq=False)
class Meter:
    """Seconds per stage, of all threads together: `cpu`, and `wall` while a stage was on its thread."""

    cpu: dict[str, float] = field(factory=lambda: defaultdict(float))
    wall: dict[str, float] = field(factory=lambda: defaultdict(float))
    _open: threading.local = field(factory=threading.local, repr=False)
    _lock: threading.Lock = field(factory=threading.Lock, repr=False)

    def measure(self, stage: str, call: Call, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever it gives
        """Make a call as part of a stage."""
        inner: list[tuple[float, float]] = []
        outer: list[list[tuple[float, float]]] = self._open.__dict__.setdefault("stages", [])
        outer.append(inner)
        began, spent = time.perf_counter(), time.thread_time()
        try:
            return call(*args, **options)
        finally:
            cpu, wall = time.thread_time() - spent, time.perf_counter() - began
            outer.pop()
            with self._lock:
                self.cpu[stage] += cpu - sum(each for each, _ in inner)
                self.wall[stage] += wall - sum(each for _, each in inner)
            if outer:
                outer[-1].append((cpu, wall))

    def around(self, stage: str, call: Call) -> Call:
        """The same call, measured; a coroutine function stays one."""
        if inspect.iscoroutinefunction(call):

            @wraps(call)
            async def stepped(*args: object, **options: object) -> object:
                return await _Steps(self, stage, call(*args, **options))

            return stepped

        @wraps(call)
        def measured(*args: object, **options: object) -> object:
            return self.measure(stage, call, *args, **options)

        return measured


@define(eq=False)
class _Steps:
    """Drives a coroutine and measures each step."""

    meter: Meter
    stage: str
    coroutine: Coroutine[Any, Any, Any]

    def __await__(self) -> Generator[Any, Any, Any]:
        step: Call = self.coroutine.send
        given: object = None
        while True:
            try:
                asked = self.meter.measure(self.stage, step, given)
            except StopIteration as end:
                return end.value
            try:
                step, given = self.coroutine.send, (yield asked)
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's to deal with
                step, given = self.coroutine.throw, error
