"""The systemd unit starts what there is, stops it in its own time, and takes away what it does not need."""

from pathlib import Path

from engine.cli import EXIT_CONFIG, cli
from engine.settings import Settings

UNIT = Path(__file__).parents[2] / "deploy" / "botnet-engine.service"


def settings_of_unit() -> dict[str, str]:
    """Every `key=value` of the unit; of a key that comes twice the last."""
    lines = [line for line in UNIT.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


def test_it_runs_a_command_that_exists() -> None:
    """`python -m engine run`, as a user of its own."""
    unit = settings_of_unit()
    *_, module, command = unit["ExecStart"].split()
    assert module == "engine"
    assert command in cli.commands
    assert unit["User"] not in ("", "root")


def test_it_leaves_the_engine_the_time_to_stop() -> None:
    """Systemd kills later than the engine ends by itself, and does not repeat a wrong configuration."""
    unit = settings_of_unit()
    assert float(unit["TimeoutStopSec"]) > Settings().engine.shutdown_grace_seconds + 5
    assert int(unit["RestartPreventExitStatus"]) == EXIT_CONFIG


def test_it_takes_every_right_away() -> None:
    """No new privileges, no capabilities, a read-only system, and files for the owner only."""
    unit = settings_of_unit()
    assert {unit[key] for key in ("NoNewPrivileges", "ProtectHome", "PrivateDevices", "PrivateTmp")} == {"yes"}
    assert (unit["ProtectSystem"], unit["CapabilityBoundingSet"], unit["UMask"]) == ("strict", "", "0077")
