"""`geo status`: the look-up files that an engine with these settings uses, and how they are."""

from collections.abc import Sequence
from pathlib import Path

from adapters.lookups.files import UnusableFileError, open_file
from adapters.lookups.placing import PREVIOUS
from adapters.lookups.providers import attribution_of
from adapters.lookups.reloading import Names
from engine.ports import FileState


def states(names: Names) -> Sequence[FileState]:
    """The state of each file, in the order in which they are asked."""
    return [state_of(path) for path in names.paths()]


def state_of(path: Path) -> FileState:
    """The state of one file, whatever it is."""
    try:
        kind, built_at, entries = open_file(path, path.name).about
    except UnusableFileError as error:
        return FileState(path, problem=str(error))
    return FileState(
        path=path,
        kind=kind,
        built_at=built_at,
        entries=entries,
        size=path.stat().st_size,
        attribution=attribution_of(kind),
        has_previous=path.with_name(path.name + PREVIOUS).exists(),
    )
