"""The README says what the code does: every setting, every command, the commands of a newcomer."""

import re

import click
import pytest

from engine.cli import cli
from engine.cli_geo import geo
from engine.cli_letters import dead_letters
from engine.settings import Entry, catalogue
from tests.readme import README, fenced


def between(marker: str) -> list[str]:
    """The lines between a marker and its end."""
    found = re.search(rf"<!-- {marker} -->\n(.*?)<!-- /{marker} -->", README.read_text(), re.DOTALL)
    assert found is not None, f"no <!-- {marker} --> in README.md"
    return found.group(1).splitlines()


def row(entry: Entry) -> str:
    """How a setting stands in the README's table."""
    names = ", ".join(f"`{name}`" for name in entry.environment)
    return f"| `{entry.key}` | {entry.kind} | {f'`{entry.default}`' if entry.default else ''} | {names} | {entry.doc} |"


def test_every_setting_is_in_the_table() -> None:
    """Key, kind, default, environment names and documentation, in the order of the code."""
    head = ["| key | kind | default | environment | what it does |", "| --- | --- | --- | --- | --- |"]
    assert between("settings") == head + [row(entry) for entry in catalogue()]


def test_every_command_is_in_the_table() -> None:
    """And no command that does not exist."""
    named = {match for line in between("commands") for match in re.findall(r"`python -m engine ([a-z -]+)`", line)}
    assert named == COMMANDS.keys() - {group.name for group in GROUPS}


GROUPS = (dead_letters, geo)
COMMANDS = dict(cli.commands) | {
    f"{group.name} {name}": command for group in GROUPS for name, command in group.commands.items()
}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_option_says_what_it_is_for(name: str) -> None:
    """`-h` reads well: a sentence for the command, one for each option."""
    command = COMMANDS[name]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts}"


def test_the_two_commands_are_one_line_each() -> None:
    """A fence with exactly one line follows each marker; continuous integration runs these very lines."""
    for marker in ("run", "test"):
        assert len(fenced(marker).splitlines()) == 1
