"""A trio run in a thread of its own, for tests that are not async: hypothesis drives its machines step by step."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from threading import Event, Thread
from typing import Self, TypeVar

import trio

T = TypeVar("T")


class Stage:
    """Runs what it is given inside one trio run, until it is left."""

    def __enter__(self) -> Self:
        self._ready = Event()
        self._thread = Thread(target=trio.run, args=(self._main,), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._leave.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._leave = trio.Event()
        async with trio.open_nursery() as self._nursery:
            self._ready.set()
            await self._leave.wait()
            self._nursery.cancel_scope.cancel()

    def call(self, sync: Callable[..., T], *args: object) -> T:
        """Call something that is not async."""
        return trio.from_thread.run_sync(sync, *args, trio_token=self._token)

    def run(self, async_call: Callable[..., Awaitable[T]], *args: object) -> T:
        """Call something async, for at most twenty seconds."""

        async def bounded() -> T:
            with trio.fail_after(20):
                return await async_call(*args)

        return trio.from_thread.run(bounded, trio_token=self._token)

    def enter(self, context: AbstractAsyncContextManager[T]) -> "tuple[T, trio.Event]":
        """Enter a context in a task of its own, which leaves it when the event is set."""

        async def hold(task_status: "trio.TaskStatus[tuple[T, trio.Event]]") -> None:
            leave = trio.Event()
            async with context as value:
                task_status.started((value, leave))
                await leave.wait()

        entered: tuple[T, trio.Event] = self.run(self._nursery.start, hold)
        return entered
