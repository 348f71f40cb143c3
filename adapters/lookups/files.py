"""Look-up files: opened by the ending of their name, and what is known of each."""

from pathlib import Path
from typing import Final, NamedTuple, Protocol

from engine.sighting import Facts

NOTHING: Final = Facts()


class UnusableFileError(Exception):
    """A look-up file is missing or damaged; the text says what is wrong, without its name."""


class About(NamedTuple):
    """What a file says of itself: `kind` in its own words, when it was built, how many `entries` its index has."""

    kind: str
    built_at: float
    entries: int


class LookupFile(Protocol):
    """One open file. It lets go of the file when the last one who uses it has let go of it."""

    @property
    def path(self) -> Path:
        """Where it is."""
        ...

    @property
    def about(self) -> About:
        """What it says of itself."""
        ...

    def facts(self, ip: str) -> Facts:
        """What it says about one address; what it does not know, or cannot read, is None."""
        ...

    def check(self, ip: str) -> Facts:
        """The same, for a file that is not trusted yet: raises UnusableFileError where its record is damaged."""
        ...


def open_file(path: Path, name: str) -> LookupFile:
    """Open a file that is, or is to be, called `name`. Raises UnusableFileError."""
    if name.endswith(".tsv"):
        from adapters.lookups.ranges import RangesFile  # noqa: PLC0415 -- only where there is one

        return RangesFile(path)
    from adapters.lookups.mmdb import MmdbFile  # noqa: PLC0415

    return MmdbFile(path)
