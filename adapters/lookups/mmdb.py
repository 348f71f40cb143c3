"""Facts from one MMDB file."""

from pathlib import Path
from typing import Final

import maxminddb
from maxminddb.errors import InvalidDatabaseError

from adapters.lookups.files import NOTHING, About, UnusableFileError
from adapters.lookups.records import facts_of
from engine.sighting import Facts

_PROBES: Final = ("1.1.1.1", "8.8.8.8", "114.114.114.114", "201.0.0.1")


class MmdbFile:
    """One open MMDB file. It is mapped into memory: replace it by renaming, never by writing into it."""

    def __init__(self, path: Path) -> None:
        """Open the file; raises UnusableFileError when it is missing or damaged."""
        self.path = path
        try:
            self._reader = maxminddb.open_database(path)
            about = self._reader.metadata()
            for probe in _PROBES:
                self._reader.get(probe)
        except OSError as error:
            raise UnusableFileError(f"cannot be read: {error.strerror or error}") from None
        except (InvalidDatabaseError, ValueError) as error:
            raise UnusableFileError(f"not a usable MMDB file: {error}") from None
        self.about = About(about.database_type, float(about.build_epoch), about.node_count)

    def __repr__(self) -> str:
        return f"<MmdbFile {self.path}>"

    def facts(self, ip: str) -> Facts:
        """What the file says about one address; one it cannot hold, or whose record is damaged, is unknown."""
        try:
            record = self._reader.get(ip)
        except (ValueError, InvalidDatabaseError):
            return NOTHING
        return NOTHING if record is None else facts_of(record)

    def check(self, ip: str) -> Facts:
        """The same; raises UnusableFileError where the record is damaged."""
        try:
            return facts_of(self._reader.get(ip))
        except InvalidDatabaseError as error:
            raise UnusableFileError(f"not a usable MMDB file: {error}") from None
