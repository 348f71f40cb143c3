"""Facts from several files, merged field by field, over the built-in table."""

from collections.abc import Mapping, Sequence
from typing import Final

import trio
from attrs import frozen

from adapters.lookups.builtin import BuiltinLookup
from adapters.lookups.files import NOTHING, LookupFile
from engine.sighting import Facts

_ADDRESSES_PER_TURN: Final = 250


@frozen
class Layers:
    """Asks the files in order, and the built-in table for the country where none of them knows it."""

    files: Sequence[LookupFile] = ()
    builtin: BuiltinLookup | None = None

    async def lookup(self, ips: Sequence[str]) -> Mapping[str, Facts]:
        """Facts per address. The files are local: nothing waits but for its turn."""
        if not self.files and self.builtin is not None:
            return await self.builtin.lookup(ips)
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
