"""SQLite in a thread that a cancelled task interrupts and waits for."""

import sqlite3
from collections.abc import Callable
from typing import TypeVar

import trio

from engine.errors import EngineError

_INTERRUPT_SECONDS = 0.01

T = TypeVar("T")


async def interruptible(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Run `work` in a thread; when this task is cancelled, interrupt it and wait for the thread."""
    results: list[T] = []
    failure: Exception | None = None
    done = trio.Event()

    async def interrupt_when_cancelled() -> None:
        try:
            await done.wait()
        finally:
            with trio.CancelScope(shield=True):
                # Again and again: an interrupt between two statements is lost.
                while not done.is_set():
                    connection.interrupt()
                    with trio.move_on_after(_INTERRUPT_SECONDS):
                        await done.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(interrupt_when_cancelled)
        try:
            results.append(await trio.to_thread.run_sync(work, connection))
        except (sqlite3.Error, UnicodeEncodeError, OverflowError, EngineError) as error:
            # A traceback out of a thread goes in a circle; its frames would hold all rows until they are collected.
            failure = error.with_traceback(None)
        finally:
            done.set()
    if failure is not None:
        # The error may be our own interrupt.
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            raise failure
        finally:
            del failure
    return results[0]
