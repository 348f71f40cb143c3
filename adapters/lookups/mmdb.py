"""Facts from one MMDB file.

The fast reader crashes the process at records that are damaged in certain ways. What is not trusted yet is read by the
one in Python, which is slow and raises.
"""

import struct
from functools import cached_property
from pathlib import Path
from typing import Final

import maxminddb
from maxminddb.errors import InvalidDatabaseError
from maxminddb.reader import Metadata, Reader

from adapters.lookups.files import NOTHING, About, UnusableFileError
from adapters.lookups.records import facts_of
from engine.sighting import Facts

_PROBES: Final = ("1.1.1.1", "8.8.8.8", "114.114.114.114", "201.0.0.1")
_DAMAGES: Final = (
    InvalidDatabaseError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    struct.error,
    RecursionError,
)


class MmdbFile:
    """One open MMDB file. It is mapped into memory: replace it by renaming, never by writing into it.

    Shared with the page cache and with other engines, it costs no memory of its own, as a copy would. The price: one
    that is overwritten has no facts until it is opened again, and touching what was cut off it ends the process.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; raises UnusableFileError when it is missing or damaged."""
        self.path = path
        try:
            about = self._probed()
            self._reader = maxminddb.open_database(path)
        except OSError as error:
            raise UnusableFileError(f"cannot be read: {error.strerror or error}") from None
        except _DAMAGES as error:
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
            return facts_of(_sound(self._careful.get(ip)))
        except _DAMAGES as error:
            raise UnusableFileError(f"not a usable MMDB file: {error}") from None

    def _probed(self) -> Metadata:
        """What the file says of itself, once a few records could be read."""
        with maxminddb.open_database(self.path, maxminddb.MODE_MMAP) as careful:
            for probe in _PROBES:
                _sound(careful.get(probe))
            return careful.metadata()

    @cached_property
    def _careful(self) -> Reader:
        return maxminddb.open_database(self.path, maxminddb.MODE_MMAP)


def _sound(record: object) -> object:
    """The record itself; raises TypeError where the name of a field is no text, at which the fast reader crashes."""
    if isinstance(record, dict):
        if not all(isinstance(name, str) for name in record):
            raise TypeError("the name of a field is no text")
        for value in record.values():
            _sound(value)
    elif isinstance(record, list):
        for value in record:
            _sound(value)
    return record
