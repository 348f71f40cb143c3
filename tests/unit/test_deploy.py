"""The systemd units start what there is, tell it when to live and stop, and take away what it does not need."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli import EXIT_CONFIG, cli
from engine.cli_geo import geo
from engine.settings import Settings
from tests.readme import README

DEPLOY = README.parent / "deploy"
UNITS = ["botnet-engine.service", "botnet-engine-worker@.service"]
GEO, TIMER = "botnet-engine-geo.service", "botnet-engine-geo.timer"
PYTHON = "/opt/botnet-engine/bin/python"
MOST_EXPOSED = 1.5
"""Of 10, as `systemd-analyze security` counts."""


def settings_of(unit: str) -> dict[str, str]:
    """Every `key=value` of a unit; of a key that comes twice the last."""
    text = (DEPLOY / unit).read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


@pytest.mark.parametrize("unit", UNITS)
def test_it_runs_a_command_that_exists(unit: str) -> None:
    """`python -m engine run` or `worker`, as a user of its own; a reload is the signal that the engine reloads at."""
    settings = settings_of(unit)
    python, _, module, command, *_ = settings["ExecStart"].split()
    assert (python, module) == (PYTHON, "engine")
    assert command in cli.commands
    assert settings["User"] not in ("", "root")
    assert settings["ExecReload"] == "/bin/kill -HUP $MAINPID"


@pytest.mark.parametrize("unit", UNITS)
def test_it_leaves_the_engine_the_time_to_start_and_to_stop(unit: str) -> None:
    """Systemd waits for servers as the engine does, kills later than it ends, and repeats no wrong configuration."""
    settings = settings_of(unit)
    assert (settings["Type"], settings["NotifyAccess"], settings["TimeoutStartSec"]) == ("notify", "main", "infinity")
    assert float(settings["WatchdogSec"]) >= 60
    assert float(settings["TimeoutStopSec"]) > Settings().engine.shutdown_grace_seconds + 5
    assert int(settings["RestartPreventExitStatus"]) == EXIT_CONFIG


def test_look_up_files_are_updated_every_week() -> None:
    """By a command that exists, as the engine's user, in its folder, and with no more rights."""
    geo_unit, engine, timer = map(settings_of, (GEO, UNITS[0], TIMER))
    python, _, module, group, command = geo_unit["ExecStart"].split()
    assert (python, module) == (PYTHON, "engine")
    assert cli.commands[group] is geo
    assert command in geo.commands
    assert geo_unit["Type"] == "oneshot"
    running = {"Type", "ExecStart", "TimeoutStartSec", "Description"}
    assert {key for key, value in geo_unit.items() if engine.get(key) != value} <= running
    hardening = engine.keys() - running - {"WantedBy", "NotifyAccess", "ExecReload", "KillSignal"}
    assert set(hardening - geo_unit.keys()) == {
        "WatchdogSec", "TimeoutStopSec", "Restart", "RestartSec", "RestartPreventExitStatus"
    }  # fmt: skip
    assert (timer["OnCalendar"], timer["Persistent"], timer["WantedBy"]) == ("weekly", "yes", "timers.target")


@pytest.mark.parametrize("unit", [*UNITS, GEO])
def test_it_takes_every_right_away(unit: str) -> None:
    """No new privileges, no capabilities, a read-only system, and files for the owner only."""
    settings = settings_of(unit)
    assert {settings[key] for key in ("NoNewPrivileges", "ProtectHome", "PrivateDevices", "PrivateTmp")} == {"yes"}
    assert (settings["ProtectSystem"], settings["CapabilityBoundingSet"], settings["UMask"]) == ("strict", "", "0077")


def test_workers_differ_in_name_log_file_and_page_alone() -> None:
    """Their unit is the other one but for what it runs, and two of them are told apart."""
    engine, worker = map(settings_of, UNITS)
    assert {key for key in engine | worker if engine.get(key) != worker.get(key)} == {"Description", "ExecStart"}
    assert re.findall(r"--set (\S+)=\S*%i", worker["ExecStart"]) == ["engine.name", "log.file", "status.address"]


@pytest.fixture
def analyze(tmp_path: Path) -> list[str]:
    """The program that checks units, and a root folder that has what they start."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not there: apt-get install systemd")
    for unit in (*UNITS, GEO, TIMER):
        text = (DEPLOY / unit).read_text().replace(PYTHON, sys.executable)
        (tmp_path / unit).write_text(text)
    return [program]


@pytest.mark.parametrize("unit", [*UNITS, GEO, TIMER])
def test_systemd_finds_nothing_wrong(unit: str, analyze: list[str], tmp_path: Path) -> None:
    """`systemd-analyze verify` is silent."""
    name = unit.replace("@.", "@8788.")
    checked = subprocess.run(
        [*analyze, "verify", "--recursive-errors=no", str(tmp_path / unit)], capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b""), name


@pytest.mark.parametrize("unit", [*UNITS, GEO])
def test_systemd_finds_little_exposed(unit: str, analyze: list[str], tmp_path: Path) -> None:
    """`systemd-analyze security` gives it a good mark."""
    checked = subprocess.run(
        [*analyze, "security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}", str(tmp_path / unit)],
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout.decode()[-300:]
