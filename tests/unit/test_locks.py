"""The lock files name a version and hashes for everything, and no place to get it from."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIRECT = {
    "runtime": PROJECT["dependencies"],
    "test": PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"],
}
PINNED = re.compile(r"(?P<name>[a-z0-9-]+)==[0-9][0-9a-z.]*( ; [a-z0-9_.<>='! ]+)?( --hash=sha256:[0-9a-f]{64})+")


@pytest.mark.parametrize("name", DIRECT)
def test_everything_is_pinned_with_hashes(name: str) -> None:
    """Each line is a name, a version, perhaps a condition, and at least one SHA-256; no URL, path or option."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text().replace(" \\\n    ", " ")
    found = [PINNED.fullmatch(line) for line in text.lower().replace('"', "'").splitlines()]
    assert all(found)
    names = {match["name"] for match in found if match}
    wanted = {re.split(r"[\[>=<]", requirement)[0].lower() for requirement in DIRECT[name]}
    assert wanted <= names
