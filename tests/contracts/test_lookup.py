"""What every look-up holds to."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.lookups.reloading import open_lookup
from engine.ports import Lookup
from engine.sighting import Facts
from tests import mmdb
from tests.mmdb import write_mmdb, write_tsv

KNOWN = ["8.8.8.8", "114.114.114.114", "2001:4860:4860::8888"]
NETWORKS = {"8.0.0.0/8": mmdb.IPINFO_COUNTRY_ASN, "114.0.0.0/8": mmdb.MAXMIND_CITY, "2001:4860::/32": mmdb.MAXMIND_ASN}
RANGES = [
    ("8.0.0.0", "8.255.255.255", 15169, "US", "GOOGLE"),
    ("114.114.0.0", "114.114.255.255", 4134, "CN", "CHINANET-BACKBONE"),
    ("2001:4860::", "2001:4860:ffff:ffff:ffff:ffff:ffff:ffff", 15169, "US", "GOOGLE"),
]
UNKNOWN = ["10.0.0.1", "127.0.0.1", "::1", "2001:db8::1", "224.0.0.1"]


def _mmdb(tmp_path: Path) -> Lookup:
    return open_lookup([write_mmdb(tmp_path / "all.mmdb", NETWORKS)], builtin=False)


def _layered(tmp_path: Path) -> Lookup:
    return open_lookup(
        [write_mmdb(tmp_path / "ipv4.mmdb", {"8.0.0.0/8": mmdb.MAXMIND_ASN}, ip_version=4)], builtin=True
    )


def _ranges(tmp_path: Path) -> Lookup:
    return open_lookup([write_tsv(tmp_path / "all.tsv", RANGES)], builtin=False)


def _in_a_folder(tmp_path: Path) -> Lookup:
    write_mmdb(tmp_path / "all.mmdb", NETWORKS)
    write_tsv(tmp_path / "all.tsv", RANGES)
    return open_lookup([], tmp_path, builtin=False)


LOOKUPS: dict[str, Callable[[Path], Lookup]] = {
    "mmdb": _mmdb,
    "ranges": _ranges,
    "a folder of both": _in_a_folder,
    "mmdb over builtin": _layered,
    "builtin alone": lambda _: open_lookup([], builtin=True),
}


@pytest.fixture(params=LOOKUPS)
def lookup(request: pytest.FixtureRequest, tmp_path: Path) -> Lookup:
    """Every look-up there is."""
    return LOOKUPS[request.param](tmp_path)


async def test_known_addresses_have_facts(lookup: Lookup) -> None:
    """What is known comes under the very text that was asked for."""
    facts = await lookup.lookup(KNOWN)
    assert set(facts) == set(KNOWN)
    assert all(isinstance(found, Facts) and found != Facts() for found in facts.values())


async def test_unknown_addresses_are_absent(lookup: Lookup) -> None:
    """Nobody invents facts, and nobody fails for want of them."""
    assert await lookup.lookup(UNKNOWN) == {}


async def test_unknown_neighbours_do_not_matter(lookup: Lookup) -> None:
    """One call answers for each address as if it were alone, repeated or not, in any order."""
    mixed = await lookup.lookup([*UNKNOWN, *KNOWN, *KNOWN[:1], "no address at all"])
    alone = {ip: (await lookup.lookup([ip]))[ip] for ip in KNOWN}
    assert mixed == alone


async def test_nothing_asked_nothing_told(lookup: Lookup) -> None:
    """An empty call is allowed."""
    assert await lookup.lookup([]) == {}


async def test_a_whole_chunk(lookup: Lookup) -> None:
    """One call carries thousands of addresses."""
    ips = [f"8.8.{third}.{fourth}" for third in range(20) for fourth in range(256)]
    assert lookup.chunk_size >= len(ips)
    assert len(await lookup.lookup(ips)) == len(ips)


async def test_nothing_replaced_nothing_reloaded(lookup: Lookup) -> None:
    """As long as its data is what it was, its generation stays, and so does what it knows."""
    before = lookup.generation, await lookup.lookup(KNOWN)
    assert not await lookup.reload()
    assert (lookup.generation, await lookup.lookup(KNOWN)) == before


async def test_what_is_asked_has_a_name(lookup: Lookup) -> None:
    """Whoever knows anything says where from."""
    assert lookup.uses
    assert all(lookup.uses)


async def test_dated_data_is_of_the_past(lookup: Lookup) -> None:
    """The age of what it knows can be asked for."""
    assert lookup.built_at is None or 0 < lookup.built_at <= time.time()
