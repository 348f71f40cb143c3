"""The look-up of a run: files that may be replaced while it is in use."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import trio
from attrs import define, field, frozen

from adapters.lookups.builtin import BuiltinLookup
from adapters.lookups.files import UnusableFileError, open_file
from adapters.lookups.layered import Layers
from engine.errors import ConfigError
from engine.sighting import Facts

ENDINGS: Final = (".mmdb", ".tsv")
BUILTIN: Final = "built-in"


class Seen(NamedTuple):
    """A file as it was found; one that was replaced by renaming has another inode."""

    path: Path
    inode: int = 0
    changed_ns: int = 0
    size: int = 0


@frozen
class Names:
    """Which files are to be used: those that `enrichment.mmdb` names, or else what is in `lookup.folder`."""

    named: Sequence[Path]
    folder: Path | None = None

    def paths(self) -> Sequence[Path]:
        """In the order in which they are asked: as they are named, or sorted by name. Raises ConfigError."""
        if self.named or self.folder is None:
            return self.named
        try:
            return sorted(path for path in self.folder.iterdir() if path.suffix in ENDINGS and path.name[0] != ".")
        except FileNotFoundError:  # there is no such folder (yet)
            return ()
        except OSError as error:
            raise self.refusal(self.folder, f"cannot be read: {error.strerror}") from None

    def seen(self) -> Sequence[Seen]:
        """The files as they are now; cheap."""
        return [_seen(path) for path in self.paths()]

    def refusal(self, path: Path, wrong: str) -> ConfigError:
        """What is wrong with one of them, in a line that names the setting."""
        return ConfigError(f"{'enrichment.mmdb' if self.named else 'lookup.folder'} = {str(path)!r}: {wrong}")


@define(eq=False)
class FileLookup:
    """Facts from files over the built-in table; `engine.ports.Lookup`.

    Replaced files are opened beside those in use. A look-up under way ends on the files with which it began, and
    the last one lets go of them. `names` may be exchanged; the next reload follows.
    """

    names: Names
    builtin: BuiltinLookup | None
    chunk_size: int = 100_000
    generation: int = 0
    _layers: Layers = field(factory=Layers, repr=False)
    _seen: Sequence[Seen] = ()
    _reloading: trio.Lock = field(factory=trio.Lock, repr=False)

    @property
    def uses(self) -> Sequence[str]:
        """The files in use, and the built-in table under them."""
        return [*(file.path.name for file in self._layers.files), *([] if self.builtin is None else [BUILTIN])]

    @property
    def built_at(self) -> float | None:
        """When the oldest file in use was built."""
        return min((file.about.built_at for file in self._layers.files), default=None)

    async def lookup(self, ips: Sequence[str]) -> Mapping[str, Facts]:
        """Facts per address."""
        return await self._layers.lookup(ips)

    async def reload(self) -> bool:
        """Open what has changed on the disk, in a thread, and use it from now on. Raises ConfigError once a change.

        The thread only reads: a disk that does not answer shall not hold up the end of the engine.
        """
        async with self._reloading:
            seen = await trio.to_thread.run_sync(self.names.seen, abandon_on_cancel=True)
            if seen == self._seen:
                return False
            self._seen = seen
            self._layers = await trio.to_thread.run_sync(self._opened, seen, abandon_on_cancel=True)
            self.generation += 1
            return True

    def load(self) -> None:
        """Open the files for the first time. Raises ConfigError."""
        self._seen = self.names.seen()
        self._layers = self._opened(self._seen)

    def _opened(self, seen: Sequence[Seen]) -> Layers:
        files = []
        for path, *_ in seen:
            try:
                files.append(open_file(path, path.name))
            except UnusableFileError as error:
                raise self.names.refusal(path, str(error)) from None
        return Layers(files, self.builtin)


def open_lookup(named: Sequence[Path], folder: Path | None = None, *, builtin: bool) -> FileLookup:
    """Open the files, and layer them over the built-in table where `builtin` is set. Raises ConfigError."""
    lookup = FileLookup(Names(named, folder), BuiltinLookup() if builtin else None)
    lookup.load()
    return lookup


def _seen(path: Path) -> Seen:
    try:
        status = path.stat()
    except OSError:
        return Seen(path)
    return Seen(path, status.st_ino, status.st_mtime_ns, status.st_size)
