"""What only the SQLite queue can get wrong: its file, its clock, and other processes on it."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trio

from adapters.queues.sqlite import open_queue
from engine.delivery import Cursor
from engine.errors import ConfigError, UnavailableError
from tests.contracts.queue_worlds import page, records

THREE = page(Cursor(), [1, 2, 3])

DIES_HOLDING = """
import os, signal, sys, trio
from adapters.queues.sqlite import open_queue
from tests.contracts.test_queue_sqlite import THREE
async def main():
    async with open_queue(sys.argv[1], engine_name="north") as queue:
        await queue.put(THREE)
        await queue.claim(2, 0)
        os.kill(os.getpid(), signal.SIGKILL)
trio.run(main)
"""


async def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    """What was put and claimed before kill -9 is there for the next process, which takes its own up again."""
    path = tmp_path / "queue.db"
    run = subprocess.run([sys.executable, "-c", DIES_HOLDING, str(path)], check=False, timeout=60)  # noqa: ASYNC221
    assert run.returncode == -signal.SIGKILL
    async with open_queue(path, engine_name="north") as queue:
        assert await queue.cursor("s") == THREE.end
        back = await queue.claim(5, 0)
        assert records(back) == [1, 2, 3]
        assert [delivery.attempt for delivery in back] == [2, 2, 1]


async def test_the_file_is_ours_alone(tmp_path: Path) -> None:
    """Nobody else on the machine may read the queue."""
    async with open_queue(tmp_path / "queue.db") as queue:
        await queue.put(THREE)
        assert {file.stat().st_mode & 0o777 for file in os.scandir(tmp_path)} == {0o600}
        assert await queue.durability_warnings() == []


async def test_a_clock_that_steps_back(tmp_path: Path) -> None:
    """A lease or an ownership of the future is over: nothing waits for the clock to come back."""
    path, day = tmp_path / "queue.db", 86400.0
    async with open_queue(path, clock=lambda: time.time() + day) as ahead:
        await ahead.put(THREE)
        await ahead.claim(2, 0)
        assert await ahead.acquire("s", 30)
    async with open_queue(path) as queue:
        assert records(await queue.claim(5, 0)) == [1, 2, 3]
        assert await queue.acquire("s", 30)


async def test_a_file_held_by_others_is_waited_for(tmp_path: Path) -> None:
    """Another process's transaction is waited for, then it is an outage; cancelling meanwhile is prompt."""
    path = tmp_path / "queue.db"
    async with open_queue(path, busy_seconds=0.2) as queue:
        await queue.put(THREE)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="locked"):
            await queue.claim(1, 0)
        began = time.monotonic()
        with trio.move_on_after(0.05) as scope:
            await queue.claim(1, 0)
        assert scope.cancelled_caught
        assert time.monotonic() - began < 0.5
        other.execute("ROLLBACK")
        other.close()
        assert records(await queue.claim(5, 0)) == [1, 2, 3]


async def test_files_that_cannot_be_a_queue(tmp_path: Path) -> None:
    """A missing folder, another kind of file and a newer form are configuration errors that name the file."""
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam, this is no database. " * 100)
    with sqlite3.connect(tmp_path / "newer.db") as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    for name in ("nowhere/queue.db", "letter.txt", "newer.db", "."):
        with pytest.raises(ConfigError, match=rf"queue\.url: .*{name}"):
            async with open_queue(tmp_path / name):
                pytest.fail("it cannot open")
