"""The schema command as a user types it."""

import shlex
import sqlite3
from contextlib import closing

import pytest

from tests.integration.places import Place, ServerPlace, configure, typed
from tests.readme import fenced


def arguments_of(line: str) -> list[str]:
    """What follows `python -m engine` in a line of the README."""
    python, dash_m, engine, *arguments = shlex.split(line)
    assert (python, dash_m, engine) == ("python", "-m", "engine")
    return arguments


def test_the_lines_of_the_readme(place: Place) -> None:
    """They print the tables, make them with indexes, and find them made the second time."""
    configure(place)
    prints, makes = map(arguments_of, fenced("schema").splitlines())
    printed = typed(place, *prints)
    assert printed.code == 0, printed.errors
    assert printed.output.startswith("CREATE TABLE IF NOT EXISTS")
    assert printed.output.endswith(";\n")
    made = typed(place, *makes)
    assert made.code == 0, made.errors
    assert made.output.startswith("CREATE INDEX")
    again = typed(place, *makes)
    assert (again.code, again.output.splitlines()) == (0, made.output.splitlines()[-1:])


def test_what_is_printed_for_another_database(place: Place) -> None:
    """The dialect may be chosen; what is applied is that of the database."""
    configure(place)
    assert "AUTO_INCREMENT" in typed(place, "schema", "mirai", "--dialect", "mysql").output
    printed = typed(place, "schema", "mirai", "--dialect", "sqlite", "--index", "time")
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(printed.output)
    other = "sqlite" if isinstance(place, ServerPlace) else "mysql"
    refused = typed(place, "schema", "mirai", "--dialect", other, "--apply")
    assert refused.code == 2
    assert "--apply" in refused.errors


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["Mirai!"], "[a-z0-9_]"), (["mirai", "--index", "time,colour"], "there are: time, received"), ([], "TYPE")],
)
def test_what_is_wrong_is_said(place: Place, arguments: list[str], said: str) -> None:
    """Exit code 2, and what would be right."""
    configure(place)
    refused = typed(place, "schema", *arguments)
    assert refused.code == 2
    assert said in refused.errors


def test_more_types_than_allowed(place: Place) -> None:
    """Exit code 1, and nothing is made."""
    configure(place)
    refused = typed(place, "schema", "mirai", "--apply", "--set", "database.max_botnet_types=1")
    assert refused.code == 0
    refused = typed(place, "schema", "ramnit", "--apply", "--set", "database.max_botnet_types=1")
    assert refused.code == 1
    assert "max_botnet_types" in refused.errors
