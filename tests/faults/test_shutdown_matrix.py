"""Whoever hangs, and whatever the engine is doing: it ends in time and loses nothing. `--whole` runs every cell."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpus import Corpus, make
from tests.faults.report import note
from tests.faults.scene import Servers, running_servers
from tests.faults.shutdown_matrix import RECORDS, SHORT, WHOLE, Cell, run_cell


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The short selection, or every cell."""
    if "cell" in metafunc.fixturenames:
        metafunc.parametrize("cell", WHOLE if metafunc.config.getoption("--whole", default=False) else SHORT, ids=str)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Records with duplicates and broken ones."""
    return make(RECORDS, seed=20261125)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A Redis and a MariaDB, both frozen many times."""
    with running_servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


def test_stopped_in_time_and_nothing_lost(
    cell: Cell, servers: Servers, corpus: Corpus, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Exit code and time are as promised, no traceback, and a run afterwards is exact."""
    result = run_cell(cell, servers, corpus, tmp_path)
    note(pytestconfig, result)
    assert result.problems == []
