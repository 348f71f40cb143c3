"""The country of an address from the registries' tables, which the iptocc wheel brings along: no file, no account."""

from collections.abc import Mapping, Sequence
from functools import cache

import iptocc
import trio
from attrs import frozen

from adapters.lookups.countries import country_name
from engine.sighting import Facts


@frozen
class BuiltinLookup:
    """Country code and name; nothing else. The table ages with the installed wheel."""

    chunk_size: int = 100_000

    async def lookup(self, ips: Sequence[str]) -> Mapping[str, Facts]:
        """Facts per address, in one call for all of them."""
        await trio.lowlevel.checkpoint()
        codes = iptocc.country_code(ips)
        return {ip: _facts_of(code) for ip, code in zip(ips, codes, strict=True) if code is not None}


@cache
def _facts_of(code: str) -> Facts:
    return Facts(country_code=code, country=country_name(code))
