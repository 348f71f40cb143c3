"""The patches: what each of them says of itself, and whether it still fits the source."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

FOLDER = Path(__file__).parent
REPOSITORY = FOLDER.parents[2]


class MisfitError(Exception):
    """A patch that does not apply; the text is git's."""


@frozen
class Planted:
    """One bug. `tests` are tests by pytest's names; one of them at least must fail when the patch is applied."""

    name: str
    bug: str
    tests: Sequence[str]
    file: Path

    def apply(self, tree: Path, *options: str) -> None:
        """Apply the patch to a tree, or with `--check` see whether it would fit. Raises MisfitError."""
        # A tree inside of some other repository would be taken for a part of it, and the patch be passed over.
        environ = os.environ | {"GIT_CEILING_DIRECTORIES": str(tree.resolve().parent)}
        command = ["git", "apply", *options, str(self.file)]
        done = subprocess.run(command, cwd=tree, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MisfitError(done.stderr.strip())

    @property
    def targets(self) -> list[str]:
        """The files it changes."""
        lines = self.file.read_text().splitlines()
        return [line.removeprefix("+++ b/") for line in lines if line.startswith("+++ b/")]


def read(file: Path) -> Planted:
    """A patch with its head."""
    head = file.read_text().partition("\n--- ")[0].splitlines()
    fields = [line.partition(": ") for line in head if line]
    (bug,) = [text for key, _, text in fields if key == "bug"]
    return Planted(file.stem, bug, [text for key, _, text in fields if key == "test"], file)


def read_all() -> list[Planted]:
    """All that are kept, by name."""
    return [read(file) for file in sorted(FOLDER.glob("*.patch"))]
