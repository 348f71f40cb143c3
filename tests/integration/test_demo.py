"""With nothing configured the whole machine runs on invented sightings."""

import signal
import sqlite3
import time
from pathlib import Path

from tests.engine_process import EngineProcess


def countries(folder: Path) -> list[tuple[str, int]]:
    """Countries and their rows in all communications of the demo's database."""
    with sqlite3.connect(folder / "engine-demo.db") as connection:
        tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'botnet_communications_%'"
        names = [name for (name,) in connection.execute(tables)]
        query = " UNION ALL ".join(f"SELECT country FROM {name}" for name in names)
        return connection.execute(f"SELECT country, COUNT(*) FROM ({query}) GROUP BY country").fetchall()


def test_three_seconds_of_demo_leave_rows_with_countries(tmp_path: Path) -> None:
    """It says that it is the demo, shows its progress, and ends within a second of Ctrl+C with the account."""
    with EngineProcess(tmp_path) as engine:
        engine.wait_for(r"(?s)(received.*){3}")
        began = time.monotonic()
        engine.send(signal.SIGINT)
        assert engine.wait(5) == 0
        assert time.monotonic() - began < 1
    assert engine.output.startswith("DEMO")
    assert "python -m engine init" in engine.output
    assert "written" in engine.output.splitlines()[-4]
    found = countries(tmp_path)
    assert sum(rows for country, rows in found if country) > 100
    assert len(found) > 5


def test_once_is_one_finite_day(tmp_path: Path) -> None:
    """20,000 sightings come in, every one is accounted for, and the process ends by itself."""
    with EngineProcess(tmp_path, "--once", "--json") as engine:
        assert engine.wait(60) == 0
    account = engine.account
    assert account["received"] == account["fetched"] == 20_000
    assert account["received"] == account["written"] + account["duplicates"] + account["rejected"]
    assert account["written"] > 19_000
    assert account["dead"] == account["rejected"]
    assert account["records_per_second"] > 0


def test_the_demo_runs_again_on_its_own_files(tmp_path: Path) -> None:
    """The second collector starts its numbers anew: noticed as a reset, read from the start, nothing lost."""
    for _ in range(2):
        with EngineProcess(tmp_path, "--once", "--json") as engine:
            assert engine.wait(60) == 0
        assert engine.account["received"] == 20_000


def test_the_demo_never_runs_beside_a_configuration(tmp_path: Path) -> None:
    """With a database configured, missing sources are a configuration error."""
    (tmp_path / "engine.toml").write_text('[database]\nurl = "sqlite:///mine.db"\n')
    with EngineProcess(tmp_path, "--once") as engine:
        assert engine.wait(20) == 78
    assert "no source is configured" in engine.errors
    assert not (tmp_path / "engine-demo.db").exists()
