"""Options of the fault suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--whole` and `--results`; known where the run is asked for `tests/faults`."""
    parser.addoption("--whole", action="store_true", help="run the fault matrices whole, not the short selections")
    parser.addoption("--results", metavar="FILE", help="append what each cell came to, one JSON object a line")
