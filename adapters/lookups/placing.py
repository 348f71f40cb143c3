"""A look-up file takes the place of another: in one step, the one before kept, nobody else at it."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from attrs import define, field

from engine.errors import UnavailableError

PREVIOUS: Final = ".previous"
"""What is appended to the name of a file whose place was taken."""


@define(eq=False)
class Places:
    """Room for new files beside those they are to replace, and nobody else's; emptied at the end."""

    _stack: ExitStack
    _folders: set[Path] = field(factory=set)

    def beside(self, target: Path, ending: str) -> Path:
        """A hidden file in the target's folder. Raises UnavailableError while another update is at work there."""
        folder = target.parent
        if folder not in self._folders:
            folder.mkdir(parents=True, exist_ok=True)
            self._stack.enter_context(_locked(folder))
            self._folders.add(folder)
        path = folder / f".{target.name}.{ending}"
        self._stack.callback(path.unlink, missing_ok=True)
        return path


@contextmanager
def open_places() -> Iterator[Places]:
    """Places, until the update ends however it ends; what a killed one has left there is overwritten by the next."""
    with ExitStack() as stack:
        yield Places(stack)


def place(new: Path, target: Path, *, is_kept: bool) -> None:
    """Put a complete file in the target's place. At any instant either the old or the new one is there, whole.

    What was there is kept as the previous one, or, where it is of no use, is not.
    """
    _write_through(new)
    if is_kept:
        keep(target)
    new.replace(target)
    _write_through(target.parent)


def keep(target: Path) -> None:
    """Copy the file to the place of the previous one; the file itself stays where it is."""
    spare = target.with_name(f".{target.name}.kept")
    try:
        shutil.copy2(target, spare)
        _write_through(spare)
        spare.replace(target.with_name(target.name + PREVIOUS))
    finally:
        spare.unlink(missing_ok=True)


def set_aside(target: Path) -> None:
    """Take a file out of use, as the previous one of its name."""
    target.replace(target.with_name(target.name + PREVIOUS))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Be the only update in the folder; the lock is gone with the process."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnavailableError(f"another update is at work in {folder}") from None
        yield
    finally:
        os.close(handle)


def _write_through(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
