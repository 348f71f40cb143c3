"""What only a file can do to a sink: be locked, be no database, be read for long."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import trio

from adapters.sinks import sqlite
from engine.delivery import Written
from engine.errors import ConfigError, RejectedError, UnavailableError
from engine.sighting import Facts
from tests.contracts.sink_stores import batch_of, online, write, write_with

SEEN_AT = "2026-11-20 08:00:00"


async def test_commits_are_durable_and_readers_do_not_wait(tmp_path: Path) -> None:
    """The file is in WAL mode, and every commit is synchronised."""
    async with sqlite.open_database(f"sqlite:///{tmp_path / 'a b.db'}".replace(" ", "%20")) as database:
        await write(database, batch_of([online("1.2.3.4", SEEN_AT)], "x"))
        assert await database.durability_warnings() == []
        assert "a b.db" in repr(database)
        with closing(sqlite3.connect(tmp_path / "a b.db")) as other:
            assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_a_file_locked_by_another_process_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unavailable while it holds the lock; written as soon as it lets go."""
    monkeypatch.setattr(sqlite, "ATTEMPTS", 3)
    async with sqlite.open_database(f"sqlite:///{tmp_path / 'x.db'}") as database:
        batch = batch_of([online("1.2.3.4", SEEN_AT)], "x")
        await write(database, batch)
        with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(UnavailableError, match="another process"):
                await write(database, batch)
            other.execute("ROLLBACK")
        assert await write(database, batch) == Written(0, 1, 0)


@pytest.mark.parametrize("content", [b"this is a text, and no database at all" * 100, None])
async def test_what_cannot_be_a_database_is_a_configuration_error(tmp_path: Path, content: bytes | None) -> None:
    """A file of another kind, or a folder that is not there."""
    path = tmp_path / "x.db" if content else tmp_path / "missing" / "x.db"
    if content:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="x.db"):
        async with sqlite.open_database(f"sqlite:///{path}"):
            pass


async def test_a_table_dropped_meanwhile_is_made_again(tmp_path: Path) -> None:
    """The write that finds it missing is unavailable, the next one makes it."""
    async with sqlite.open_database(f"sqlite:///{tmp_path / 'x.db'}") as database, database.writer() as sink:
        batch = batch_of([online("1.2.3.4", SEEN_AT)], "x")
        await write_with(sink, batch)
        with closing(sqlite3.connect(tmp_path / "x.db")) as other:
            other.execute("DROP TABLE botnet_communications_x")
        with pytest.raises(UnavailableError, match="no such table"):
            await write_with(sink, batch)
        assert await write_with(sink, batch) == Written(1, 0, 0)
        assert "x.db" in repr(sink)


async def test_rows_that_do_not_arrive_are_not_counted(tmp_path: Path) -> None:
    """A trigger of somebody else's swallows one of a hundred: nothing of the batch is there, and it says why."""
    async with sqlite.open_database(f"sqlite:///{tmp_path / 'x.db'}") as database:
        await write(database, batch_of([online("1.2.3.0", SEEN_AT)], "x"))
        with closing(sqlite3.connect(tmp_path / "x.db")) as other:
            other.execute(
                "CREATE TRIGGER swallow BEFORE INSERT ON botnet_communications_x WHEN NEW.ip = '1.2.3.77' "
                "BEGIN SELECT RAISE(IGNORE); END"
            )
            with pytest.raises(RejectedError, match="took 99 of 100 rows") as caught:
                await write(database, batch_of([online(f"1.2.3.{number}", SEEN_AT) for number in range(101)], "x"))
            assert not caught.value.certain
            assert other.execute("SELECT SUM(communication_count) FROM botnet_nodes_x").fetchone() == (1,)


async def test_a_number_too_large_for_a_column_is_rejected(tmp_path: Path) -> None:
    """The data is the cause, and says so."""
    async with sqlite.open_database(f"sqlite:///{tmp_path / 'x.db'}") as database:
        with pytest.raises(RejectedError) as caught:
            await write(database, batch_of([online("1.2.3.4", SEEN_AT)], "x"), {"1.2.3.4": Facts(asn=2**70)})
        assert caught.value.certain


async def test_a_long_question_is_cancelled_at_once(tmp_path: Path) -> None:
    """Counting a large table does not hold up the shutdown."""
    async with sqlite.open_database(f"sqlite:///{tmp_path / 'x.db'}") as database:
        await write(database, batch_of([online("1.2.3.4", SEEN_AT)], "x"))
        with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as other:
            other.execute("DROP TABLE botnet_nodes_x")
            endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
            other.execute(f"CREATE VIEW botnet_nodes_x AS {endless}")
        began = trio.current_time()
        with trio.move_on_after(0.05) as scope:
            await database.table_counts()
        assert scope.cancelled_caught
        assert trio.current_time() - began < 1
