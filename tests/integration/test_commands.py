"""Every command as a user types it: what it prints, and its exit code."""

import json
import os
import signal
import sqlite3
import stat
from pathlib import Path

import pytest

from tests.collector import running_collector
from tests.engine_process import EngineProcess, write_config


def run(folder: Path, *arguments: str, environ: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Run a command to its end: exit code, standard output, standard error."""
    with EngineProcess(folder, *arguments, environ=environ) as engine:
        return engine.wait(30), engine.output, engine.errors


def test_init_writes_a_configuration_that_loads(tmp_path: Path) -> None:
    """The file is private, is not overwritten without --force, and check-config finds it good."""
    code, output, _ = run(tmp_path, "init")
    assert code == 0
    assert "engine.toml" in output
    assert stat.S_IMODE((tmp_path / "engine.toml").stat().st_mode) == 0o600
    code, output, _ = run(tmp_path, "check-config")
    assert (code, output.splitlines()[-1]) == (0, "configuration is good")
    code, _, errors = run(tmp_path, "init")
    assert code == 2
    assert "--force" in errors
    assert run(tmp_path, "init", "--force")[0] == 0


def test_bad_settings_are_all_said_at_once(tmp_path: Path) -> None:
    """A line each with file, key, value and what is allowed; exit code 78; no traceback."""
    write_config(
        tmp_path,
        worker={"worker_count": 0, "wroker_count": 3},
        queue={"url": "amqp://127.0.0.1"},
        source=[{"name": "a b", "url": "http://127.0.0.1:1"}],
    )
    code, output, errors = run(tmp_path, "--once")
    assert (code, output) == (78, "")
    assert len(errors.splitlines()) == 4
    assert all("engine.toml" in line for line in errors.splitlines())
    assert "did you mean" in errors


def test_options_override_the_environment_which_overrides_the_file(tmp_path: Path) -> None:
    """The order of precedence, as check-config shows it."""
    write_config(tmp_path, worker={"worker_count": 2}, source=[{"name": "a", "url": "http://127.0.0.1:1"}])

    def workers(*arguments: str, **environ: str) -> str:
        _, output, _ = run(tmp_path, "check-config", *arguments, environ=environ)
        return next(line for line in output.splitlines() if line.startswith("workers")).split()[-1]

    assert workers() == "2"
    assert workers(INTERNAL_WORKER_COUNT="3") == "3"
    assert workers("--workers", "4", INTERNAL_WORKER_COUNT="3") == "4"
    assert workers("--set", "worker.worker_count=5", INTERNAL_WORKER_COUNT="3") == "5"
    assert workers("--preset", "high") == "2"


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    """A password in a URL and a key are masked in everything that is printed."""
    write_config(
        tmp_path,
        queue={"url": "redis://:canary-1@127.0.0.1:1/0"},
        database={"url": "mysql://user:canary-2@127.0.0.1:1/x"},
        source=[{"name": "a", "url": "http://127.0.0.1:1", "api_key": "canary-3"}],
    )
    code, output, errors = run(tmp_path, "check-config")
    assert code == 0
    with EngineProcess(tmp_path, "--log-level", "debug") as engine:
        engine.wait_for("unavailable, waiting")
        engine.send(signal.SIGTERM)
        assert engine.wait(12) == 0
        said = output + errors + engine.output + engine.errors + (tmp_path / "logs/log_processor.log").read_text()
    assert "canary" not in said


def test_a_key_that_comes_back_in_an_answer_is_masked(tmp_path: Path) -> None:
    """A proxy in the way may answer with what it was sent: the log, which quotes the answer, does not show the key."""
    with running_collector(api_key="canary-4") as collector:
        collector.misbehave("body", times=None, value="<html>X-API-Key: canary-4</html>")
        write_config(tmp_path, source=[{"name": "a", "url": collector.url, "api_key": "canary-4"}])
        with EngineProcess(tmp_path, "--log-level", "debug") as engine:
            engine.wait_for("unavailable, waiting.*X-API-Key")
            engine.send(signal.SIGTERM)
            assert engine.wait(12) == 0
            said = engine.output + engine.errors + (tmp_path / "logs/log_processor.log").read_text()
    assert "X-API-Key: ***" in said
    assert "canary" not in said


def test_wrong_usage_exits_with_2(tmp_path: Path) -> None:
    """One line that says what is wrong, no traceback."""
    for arguments in (["--nonsense"], ["nonsense"], ["run", "--workers", "many"], ["--set", "novalue"]):
        code, _, errors = run(tmp_path, *arguments)
        assert code == 2, arguments
        assert "Error" in errors
        assert "Traceback" not in errors


@pytest.mark.parametrize(
    "command",
    [
        "", "run", "fetch", "worker", "check", "check-config", "init", "version", "audit", "status", "top", "schema",
        "upgrade-schema", "dead-letters", "dead-letters list", "dead-letters show", "dead-letters retry",
        "dead-letters drop",
    ],
)  # fmt: skip
def test_help_reads_well(command: str, tmp_path: Path) -> None:
    """-h of every command explains it and exits with 0."""
    code, output, _ = run(tmp_path, *command.split(), "-h")
    assert code == 0
    assert output.startswith("Usage: python -m engine")
    assert max(map(len, output.splitlines())) <= 100


def test_version(tmp_path: Path) -> None:
    """Name and number."""
    assert run(tmp_path, "version")[1].startswith("botnet-engine 0.")


def test_check_says_what_arrived(tmp_path: Path) -> None:
    """Nothing at all: exit code 1; after the demo's day: tables, fresh rows, all rows; old rows alone: 1 again."""
    code, output, _ = run(tmp_path, "check")
    assert code == 1
    assert "nothing has ever arrived" in output
    assert run(tmp_path, "--once")[0] == 0
    code, output, _ = run(tmp_path, "check", "--json")
    assert code == 0
    tables = json.loads(output)["tables"]
    with sqlite3.connect(tmp_path / "engine-demo.db") as connection:
        for table in tables:
            name = f"botnet_communications_{table['botnet_type']}"
            (rows,) = connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone()
            assert (table["communications"], table["last_5_minutes"]) == (rows, rows)
            connection.execute(f"UPDATE {name} SET received_at = '2020-01-01 00:00:00'")
    assert tables
    code, output, _ = run(tmp_path, "check")
    assert code == 1
    assert f"botnet_communications_{tables[0]['botnet_type']}" in output


def test_check_of_a_server_that_is_away(tmp_path: Path) -> None:
    """One line that names the setting, and an exit code of its own."""
    write_config(tmp_path, database={"url": "mysql://root@127.0.0.1:1/x"})
    code, _, errors = run(tmp_path, "check")
    assert code == 69
    assert len(errors.splitlines()) == 1
    assert "127.0.0.1:1" in errors


def test_interrupted_while_it_waits_for_a_server(tmp_path: Path) -> None:
    """A soft stop while Redis is away ends at once, cleanly."""
    write_config(
        tmp_path,
        queue={"url": "redis://127.0.0.1:1/0"},
        source=[{"name": "a", "url": "http://127.0.0.1:1"}],
    )
    with EngineProcess(tmp_path) as engine:
        engine.wait_for("unavailable, waiting")
        engine.send(signal.SIGINT)
        assert engine.wait(3) == 0
        assert "Traceback" not in engine.errors


def test_an_early_interrupt_leaves_no_traceback(tmp_path: Path) -> None:
    """Ctrl+C while Python is still importing."""
    for _ in range(5):
        with EngineProcess(tmp_path) as engine:
            os.kill(engine.pid, 0)
            engine.send(signal.SIGINT)
            assert engine.wait(5) in {0, 130, -signal.SIGINT}
            assert "Traceback" not in engine.errors
