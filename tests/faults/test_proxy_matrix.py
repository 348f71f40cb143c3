"""Whatever a network does to a link: the engine gets over it, and the result is exact. `--whole` runs every cell."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpus import Corpus, make
from tests.faults.proxy_matrix import RECORDS, SHORT, WHOLE, Cell, run_cell
from tests.faults.report import note
from tests.faults.scene import Servers, running_servers


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The short selection, or every cell."""
    if "cell" in metafunc.fixturenames:
        metafunc.parametrize("cell", WHOLE if metafunc.config.getoption("--whole", default=False) else SHORT, ids=str)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Records with duplicates and broken ones."""
    return make(RECORDS, seed=20261126)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A Redis and a MariaDB, reached through a proxy or directly."""
    with running_servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


def test_the_link_recovers_and_nothing_is_lost(
    cell: Cell, servers: Servers, corpus: Corpus, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Work goes on within twice the deadline, and rows, counters, confirms and exit code are as they must be."""
    result = run_cell(cell, servers, corpus, tmp_path)
    note(pytestconfig, result)
    assert result.problems == []
