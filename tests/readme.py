"""What stands in the README behind a marker, for tests that do what it says."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def fenced(marker: str) -> str:
    """The content of the fence that follows `<!-- marker -->`."""
    found = re.search(rf"<!-- {marker} -->\n```[a-z]*\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None, f"no fence after <!-- {marker} --> in README.md"
    return found.group(1).strip()


NO_COMMANDS = re.compile(
    r"""
    [A-Z]                                               # HTTP, SQL, the word before a placeholder
    | \S+(:|,)\ | \S+\ =\                               # what is logged or sent; a setting with its value
    | append(only|fsync)\  | source\ … | dead\ letters\Z | available\ again | queue\ is | texts\ are
    """,
    re.VERBOSE,
)
"""How inline code begins that consists of several words and is nothing to type."""


def inline_commands() -> set[str]:
    """What stands in running text and tables and can be typed: options, and whatever else has several words.

    Left out are the table of settings, the symptoms of troubleshooting, and what begins like one of NO_COMMANDS.
    """
    text = re.sub(r"```.*?```|<!-- settings -->.*?<!-- /settings -->", "", README.read_text(), flags=re.DOTALL)
    head, symptoms, rest = re.split(r"(## Troubleshooting\n.*?\n)(?=## )", text, flags=re.DOTALL)
    text = head + re.sub(r"(?m)^\|[^|]*\|", "", symptoms) + rest
    found = {code for code in re.findall(r"`([^`]+)`", text) if " " in code or code.startswith("-")}
    return {code for code in found if NO_COMMANDS.match(code) is None}
