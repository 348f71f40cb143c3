"""Many workers on few addresses, and a database that hangs up on them all the time; more and longer with `--whole`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.contention import run_contention
from tests.faults.report import note
from tests.faults.scene import Servers, running_servers

SHORT = [(1, 2_000)]
WHOLE = [(seed, 6_000) for seed in range(1, 6)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One short run, or five long ones."""
    if "seed" in metafunc.fixturenames:
        chosen = WHOLE if metafunc.config.getoption("--whole", default=False) else SHORT
        metafunc.parametrize(("seed", "records"), chosen)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A Redis, and a MariaDB whose connections are killed."""
    with running_servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


def test_killed_connections_under_contention_cost_nothing(
    seed: int, records: int, servers: Servers, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """All rows are there, counters are exact, no record is buried, and both engines end by themselves with 0."""
    result, killed = run_contention(servers, tmp_path, seed, records)
    note(pytestconfig, result)
    assert result.problems == []
    assert killed > records // 1000
