"""Facts from MMDB files: any number of them, merged field by field, over the built-in table."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import maxminddb
import trio
from attrs import field, frozen
from maxminddb.errors import InvalidDatabaseError

from adapters.lookups.builtin import BuiltinLookup
from adapters.lookups.records import facts_of
from engine.errors import ConfigError
from engine.sighting import Facts

NOTHING: Final = Facts()
_PROBES: Final = ("1.1.1.1", "8.8.8.8", "114.114.114.114", "201.0.0.1")
_ADDRESSES_PER_TURN: Final = 250


class MmdbFile:
    """One open MMDB file. It is mapped into memory: replace it by renaming, never by writing into it."""

    def __init__(self, path: Path) -> None:
        """Open the file; raises ConfigError naming it when it is missing or damaged."""
        self.path = path
        try:
            self._reader = maxminddb.open_database(path)
            for probe in _PROBES:
                self._reader.get(probe)
        except OSError as error:
            raise ConfigError(f"enrichment.mmdb = {str(path)!r}: cannot be read: {error.strerror or error}") from None
        except (InvalidDatabaseError, ValueError) as error:
            raise ConfigError(f"enrichment.mmdb = {str(path)!r}: not a usable MMDB file: {error}") from None

    def __repr__(self) -> str:
        return f"<MmdbFile {self.path}>"

    def facts(self, ip: str) -> Facts:
        """What the file says about one address; one it cannot hold, or whose record is damaged, is unknown."""
        try:
            record = self._reader.get(ip)
        except (ValueError, InvalidDatabaseError):
            return NOTHING
        return NOTHING if record is None else facts_of(record)

    def close(self) -> None:
        """Unmap the file."""
        self._reader.close()


@frozen
class LayeredLookup:
    """Asks the files in order, and the built-in table for the country where none of them knows it."""

    files: Sequence[MmdbFile] = ()
    builtin: BuiltinLookup | None = None
    chunk_size: int = field(default=100_000, kw_only=True)

    async def lookup(self, ips: Sequence[str]) -> Mapping[str, Facts]:
        """Facts per address. The files are local: nothing waits but for its turn."""
        found = await self._from_files(ips) if self.files else {}
        if self.builtin is None:
            return found
        lacking = [ip for ip in ips if found.get(ip, NOTHING).country_code is None]
        for ip, facts in (await self.builtin.lookup(lacking)).items():
            found[ip] = merged(found.get(ip, NOTHING), facts)
        return found

    async def _from_files(self, ips: Sequence[str]) -> dict[str, Facts]:
        found: dict[str, Facts] = {}
        first, *others = self.files
        for number, ip in enumerate(ips):
            if number % _ADDRESSES_PER_TURN == 0:
                await trio.lowlevel.checkpoint()
            facts = first.facts(ip)
            for file in others:
                if None in facts:
                    facts = merged(facts, file.facts(ip))
            if facts != NOTHING:
                found[ip] = facts
        return found

    def close(self) -> None:
        """Close the files."""
        for file in self.files:
            file.close()


def merged(first: Facts, second: Facts) -> Facts:
    """Field by field, the first with a value wins; what belongs together comes from one of them.

    Code and name of the country are one thing, taken where a code is known; so are latitude and longitude.
    """
    if second == NOTHING:
        return first
    if first == NOTHING:
        return second
    facts = Facts._make(own if own is not None else other for own, other in zip(first, second, strict=True))
    owner = first if first.country_code is not None else second
    return facts if owner.country_code is None else facts._replace(country=owner.country)


def open_lookup(files: Sequence[Path], *, builtin: bool) -> LayeredLookup:
    """Open the files, and layer them over the built-in table where `builtin` is set. Raises ConfigError."""
    with ExitStack() as opened:
        readers: list[MmdbFile] = []
        for path in files:
            readers.append(MmdbFile(path))
            opened.callback(readers[-1].close)
        opened.pop_all()
    return LayeredLookup(readers, BuiltinLookup() if builtin else None)
